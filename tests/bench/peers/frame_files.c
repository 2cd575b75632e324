/* Writes frames as files. A camera's folder stays open for as long as its frames are of the same minute, so that a frame costs open, write,
 * close and rename and nothing else. */
#define _GNU_SOURCE
#include "frame_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

#define MOST_CAMERAS 256
#define MICROSECONDS 1000000
#define NO_MINUTE UINT64_MAX

struct camera_folder {
    char camera[128];
    uint64_t minute;  /* since 1970 */
    char minute_name[32]; /* YYYYMMDDTHHMM */
    int folder;
};

static const char *out_folder;
static struct camera_folder cameras[MOST_CAMERAS];
static size_t camera_count;

void open_frame_files(const char *out)
{
    out_folder = out;
}

static struct camera_folder *find_camera(const char *camera)
{
    for (size_t nth = 0; nth < camera_count; nth++)
        if (!strcmp(cameras[nth].camera, camera))
            return &cameras[nth];
    if (camera_count == MOST_CAMERAS)
        fail("more than %d cameras", MOST_CAMERAS);
    /* A name from the network must not lead out of the folder. */
    if (!*camera || *camera == '.' || strchr(camera, '/') || strlen(camera) >= sizeof cameras->camera)
        fail("not the name of a camera: %.200s", camera);
    struct camera_folder *new = &cameras[camera_count++];
    *new = (struct camera_folder){.minute = NO_MINUTE, .folder = -1};
    strcpy(new->camera, camera);
    return new;
}

static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) && errno != EEXIST)
            fail("cannot make %s: %s", path, strerror(errno));
        *slash = '/';
    }
}

static void open_minute(struct camera_folder *camera, uint64_t minute)
{
    time_t seconds = (time_t)(minute * 60);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    char below[64], path[4096];
    strftime(below, sizeof below, "%Y-%m-%d/%H/%M/", &utc);
    if (snprintf(path, sizeof path, "%s/%s/%s", out_folder, camera->camera, below) >= (int)sizeof path)
        fail("the folder's name is too long: %s", out_folder);
    make_folders(path);
    if (camera->folder >= 0)
        close(camera->folder);
    camera->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (camera->folder < 0)
        fail("cannot open %s: %s", path, strerror(errno));
    strftime(camera->minute_name, sizeof camera->minute_name, "%Y%m%dT%H%M", &utc);
    camera->minute = minute;
}

void store_frame(const char *camera_name, uint64_t captured_microseconds, uint64_t sequence, const void *jpeg, size_t bytes)
{
    uint64_t seconds = captured_microseconds / MICROSECONDS;
    struct camera_folder *camera = find_camera(camera_name);
    if (camera->minute != seconds / 60)
        open_minute(camera, seconds / 60);
    char part[128], name[96];
    snprintf(name, sizeof name, "%s%02u.%06uZ_%09llu.jpg", camera->minute_name, (unsigned)(seconds % 60),
             (unsigned)(captured_microseconds % MICROSECONDS), (unsigned long long)sequence);
    snprintf(part, sizeof part, ".%s.part", name);
    int file = openat(camera->folder, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0)
        fail("cannot make %s: %s", part, strerror(errno));
    for (size_t written = 0; written < bytes;) {
        ssize_t more = write(file, (const char *)jpeg + written, bytes - written);
        if (more < 0 && errno != EINTR)
            fail("cannot write %s: %s", part, strerror(errno));
        if (more > 0)
            written += (size_t)more;
    }
    if (close(file) || renameat(camera->folder, part, camera->folder, name))
        fail("cannot finish %s: %s", name, strerror(errno));
}
