/* Reads footage, and keeps a camera's pace. */
#include "frames.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define NANOSECONDS 1000000000L

static struct frame read_frame(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail("cannot open %s: %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    long bytes = ftell(file);
    rewind(file);
    struct frame frame = {.jpeg = malloc(bytes > 0 ? (size_t)bytes : 1), .bytes = (size_t)bytes};
    if (bytes < 0 || !frame.jpeg || fread(frame.jpeg, 1, frame.bytes, file) != frame.bytes)
        fail("cannot read %s", path);
    fclose(file);
    return frame;
}

struct footage read_footage(const char *folder)
{
    char pattern[4096];
    if (snprintf(pattern, sizeof pattern, "%s/*.jpg", folder) >= (int)sizeof pattern)
        fail("the folder's name is too long: %s", folder);
    glob_t found;
    if (glob(pattern, 0, NULL, &found))
        fail("no pictures in %s", folder);
    struct footage footage = {.frames = calloc(found.gl_pathc, sizeof(struct frame)), .count = found.gl_pathc};
    if (!footage.frames)
        fail("no memory for the pictures");
    for (size_t nth = 0; nth < footage.count; nth++)
        footage.frames[nth] = read_frame(found.gl_pathv[nth]);
    globfree(&found);
    return footage;
}

void free_footage(struct footage footage)
{
    for (size_t nth = 0; nth < footage.count; nth++)
        free(footage.frames[nth].jpeg);
    free(footage.frames);
}

struct pace start_pace(double fps)
{
    struct pace pace = {.fps = fps};
    clock_gettime(CLOCK_MONOTONIC, &pace.start);
    return pace;
}

uint64_t capture(const struct pace *pace, long nth)
{
    struct timespec now;
    if (pace->fps > 0) {
        int64_t after = (int64_t)((double)nth / pace->fps * NANOSECONDS) + pace->start.tv_nsec;
        struct timespec due = {.tv_sec = pace->start.tv_sec + after / NANOSECONDS, .tv_nsec = after % NANOSECONDS};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
            continue;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
