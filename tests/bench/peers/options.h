/* What a peer is told on its command line, and how it gives up. */
#pragma once

struct sender_options {
    int port;
    const char *frames_dir;
    long frames;
    double fps; /* 0: as fast as it goes */
    const char *camera;
    int qos; /* MQTT only */
};

struct receiver_options {
    int port;
    const char *out;
    long frames; /* of all cameras together */
    int qos;     /* MQTT only */
};

struct sender_options sender_options(int count, char **words);
struct receiver_options receiver_options(int count, char **words);
/* For the relay, which needs nothing else. */
int port_option(int count, char **words);

/* One line on stderr, and exit code 1. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
