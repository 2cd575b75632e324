/* Frames over plain TCP from the relay into files. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "frame_files.h"
#include "options.h"
#include "relay_wire.h"

#define MOST_FRAME_BYTES (32u << 20)

static int relay;
static volatile sig_atomic_t ended;

/* Wakes a recv() that waits, and each that is still to come. */
static void on_signal(int number)
{
    (void)number;
    ended = 1;
    shutdown(relay, SHUT_RDWR);
}

static void receive(void *bytes, size_t count)
{
    ssize_t received = recv(relay, bytes, count, MSG_WAITALL);
    if (ended)
        exit(0);
    if (received < 0)
        fail("cannot receive: %s", strerror(errno));
    if ((size_t)received != count)
        fail("the relay ended before the last frame");
}

int main(int count, char **words)
{
    struct receiver_options options = receiver_options(count, words);
    char *jpeg = malloc(MOST_FRAME_BYTES);
    if (!jpeg)
        fail("no memory for a frame");
    open_frame_files(options.out);
    relay = connect_to_relay(options.port, ROLE_RECEIVER);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
    puts("ready");
    fflush(stdout);
    for (long stored = 0; stored < options.frames; stored++) {
        struct frame_header header;
        receive(&header, sizeof header);
        if (header.bytes > MOST_FRAME_BYTES || header.camera[sizeof header.camera - 1])
            fail("not the header of a frame");
        receive(jpeg, header.bytes);
        store_frame(header.camera, header.captured_microseconds, header.sequence, jpeg, header.bytes);
    }
    free(jpeg);
    return 0;
}
