/* Where a receiver's frames end up: OUT/<camera>/<YYYY-MM-DD>/<HH>/<MM>/<YYYYMMDDTHHMMSS.ffffffZ>_<sequence>.jpg, by capture time in UTC.
 *
 * A file is written under a name of its own and then renamed, so that whoever sees the frame sees all of it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* `out` must outlive the frames. */
void open_frame_files(const char *out);
void store_frame(const char *camera, uint64_t captured_microseconds, uint64_t sequence, const void *jpeg, size_t bytes);
