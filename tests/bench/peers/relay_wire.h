/* What goes over the relay's connections. The first byte of a connection is its role; a sender's then come as frames, each a header and
 * that many bytes of JPEG, which the relay passes on unread. In host byte order: all of it stays on one machine. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ROLE_SENDER 'S'
#define ROLE_RECEIVER 'R'

struct frame_header {
    uint64_t bytes;
    uint64_t captured_microseconds;
    uint64_t sequence;
    char camera[40]; /* ends with a zero */
};

/* A connection to the relay on this machine's port. */
int connect_to_relay(int port, char role);
/* For a socket that has just been connected or accepted: what is written goes out at once. */
void send_without_delay(int connection);
