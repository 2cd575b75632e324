/* Reads the options that all peers have in common. */
#include "options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct values {
    const char *port, *frames_dir, *frames, *fps, *camera, *out, *qos;
};

_Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    /* Not exit(): a thread of the client library may be the one that gives up, while the others run on. */
    _Exit(1);
}

static struct values read_values(int count, char **words)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'}, {"frames-dir", required_argument, NULL, 'd'}, {"frames", required_argument, NULL, 'n'},
        {"fps", required_argument, NULL, 'f'},  {"camera", required_argument, NULL, 'c'},     {"out", required_argument, NULL, 'o'},
        {"qos", required_argument, NULL, 'q'},  {NULL, 0, NULL, 0},
    };
    struct values values = {.fps = "0", .qos = "1"};
    opterr = 0;
    for (int option; (option = getopt_long(count, words, "", known, NULL)) != -1;) {
        switch (option) {
        case 'p': values.port = optarg; break;
        case 'd': values.frames_dir = optarg; break;
        case 'n': values.frames = optarg; break;
        case 'f': values.fps = optarg; break;
        case 'c': values.camera = optarg; break;
        case 'o': values.out = optarg; break;
        case 'q': values.qos = optarg; break;
        default: fail("cannot make sense of %s", words[optind - 1]);
        }
    }
    if (optind < count)
        fail("cannot make sense of %s", words[optind]);
    return values;
}

static const char *given(const char *name, const char *value)
{
    if (!value)
        fail("--%s is missing", name);
    return value;
}

static double number(const char *name, const char *value, double least, double most)
{
    char *end;
    double number = strtod(given(name, value), &end);
    if (end == value || *end || !(number >= least && number <= most))
        fail("--%s %s is not a number from %g to %g", name, value, least, most);
    return number;
}

struct sender_options sender_options(int count, char **words)
{
    struct values values = read_values(count, words);
    return (struct sender_options){
        .port = (int)number("port", values.port, 1, 65535),
        .frames_dir = given("frames-dir", values.frames_dir),
        .frames = (long)number("frames", values.frames, 1, 999999999),
        .fps = number("fps", values.fps, 0, 1e6),
        .camera = given("camera", values.camera),
        .qos = (int)number("qos", values.qos, 0, 1),
    };
}

struct receiver_options receiver_options(int count, char **words)
{
    struct values values = read_values(count, words);
    return (struct receiver_options){
        .port = (int)number("port", values.port, 1, 65535),
        .out = given("out", values.out),
        .frames = (long)number("frames", values.frames, 1, 999999999),
        .qos = (int)number("qos", values.qos, 0, 1),
    };
}

int port_option(int count, char **words)
{
    return (int)number("port", read_values(count, words).port, 1, 65535);
}
