/* What a sender sends, and when. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct frame {
    unsigned char *jpeg;
    size_t bytes;
};

/* All pictures of a folder, in memory before the first is due: reading them is no part of what is measured. */
struct footage {
    struct frame *frames;
    size_t count;
};

struct footage read_footage(const char *folder);
void free_footage(struct footage footage);

/* When frames are due: at start + nth / fps, so that a late one does not push the others back. */
struct pace {
    struct timespec start;
    double fps;
};

struct pace start_pace(double fps);
/* Sleeps until the frame is due, counted from 0, and gives its capture time: the wall clock in microseconds since 1970, UTC. */
uint64_t capture(const struct pace *pace, long nth);
