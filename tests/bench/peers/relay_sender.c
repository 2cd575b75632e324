/* Frames over plain TCP to the relay. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frames.h"
#include "options.h"
#include "relay_wire.h"

static void send_all(int relay, const void *bytes, size_t count, int flags)
{
    for (size_t sent = 0; sent < count;) {
        ssize_t more = send(relay, (const char *)bytes + sent, count - sent, flags | MSG_NOSIGNAL);
        if (more < 0)
            fail("cannot send: %s", strerror(errno));
        sent += (size_t)more;
    }
}

int main(int count, char **words)
{
    struct sender_options options = sender_options(count, words);
    struct footage footage = read_footage(options.frames_dir);
    int relay = connect_to_relay(options.port, ROLE_SENDER);
    struct frame_header header = {0};
    if (strlen(options.camera) >= sizeof header.camera)
        fail("the camera's name is longer than %zu bytes", sizeof header.camera - 1);
    strcpy(header.camera, options.camera);
    struct pace pace = start_pace(options.fps);
    for (long nth = 0; nth < options.frames; nth++) {
        const struct frame *frame = &footage.frames[(size_t)nth % footage.count];
        header.bytes = frame->bytes;
        header.captured_microseconds = capture(&pace, nth);
        header.sequence = (uint64_t)nth + 1;
        /* Header and picture go out together. */
        send_all(relay, &header, sizeof header, MSG_MORE);
        send_all(relay, frame->jpeg, frame->bytes, 0);
    }
    /* The relay closes once it has passed everything on. */
    shutdown(relay, SHUT_WR);
    if (read(relay, &(char){0}, 1) != 0)
        fail("the relay ended before the last frame");
    free_footage(footage);
    return 0;
}
