/* The physical limit: bytes from a sender to a receiver over TCP with a process between, as with a broker, which looks at none of them.
 *
 * One receiver, and one sender after the other: frames of two at a time would be mixed up. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "options.h"
#include "relay_wire.h"

/* About one frame. Frames/s flat out, three times 3,000 in turn, into a file system in memory: 6,900-10,100 with 64 KiB; 9,800-10,600 with 128;
 * 5,700-10,700 with 256; 7,700-9,600 with 512; 7,500-8,700 with 1,024. */
#define BUFFER_BYTES (128 * 1024)

static char buffer[BUFFER_BYTES];

static void on_signal(int number)
{
    (void)number;
    _exit(0);
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16))
        fail("cannot listen on port %d: %s", port, strerror(errno));
    return listener;
}

/* Takes connections until there is a receiver and a sender. */
static void accept_both(int listener, int *receiver, int *sender)
{
    while (*receiver < 0 || *sender < 0) {
        char role = 0;
        int connection = accept(listener, NULL, NULL);
        if (connection < 0)
            fail("cannot take a connection: %s", strerror(errno));
        send_without_delay(connection);
        int *place = read(connection, &role, 1) != 1 ? NULL : role == ROLE_RECEIVER ? receiver : role == ROLE_SENDER ? sender : NULL;
        if (place && *place < 0)
            *place = connection;
        else
            close(connection);
    }
}

/* Whether the receiver took all of it. */
static int write_all(int receiver, size_t bytes)
{
    for (size_t written = 0; written < bytes;) {
        ssize_t more = send(receiver, buffer + written, bytes - written, MSG_NOSIGNAL);
        if (more < 0)
            return 0;
        written += (size_t)more;
    }
    return 1;
}

int main(int count, char **words)
{
    int listener = listen_on(port_option(count, words));
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
    puts("ready");
    fflush(stdout);
    for (int receiver = -1, sender = -1;;) {
        accept_both(listener, &receiver, &sender);
        ssize_t bytes;
        while ((bytes = read(sender, buffer, sizeof buffer)) > 0 && write_all(receiver, (size_t)bytes))
            continue;
        /* The end of this connection tells the sender that all its bytes were passed on. */
        close(sender);
        sender = -1;
        if (bytes > 0) {
            close(receiver);
            receiver = -1;
        }
    }
}
