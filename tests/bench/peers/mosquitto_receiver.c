/* The peer that a C programmer would write: libmosquitto in one thread, which writes each frame in the message callback.
 *
 * The loop is that of mosquitto_loop_forever() without the reconnecting, since that one has no way out when a signal comes while nothing
 * else does. libmosquitto acknowledges a message before it hands it over, so before the file is there. */
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame_files.h"
#include "mosquitto_client.h"
#include "options.h"

static struct receiver_options options;
static long stored;
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

static void on_connect(struct mosquitto *client, void *context, int reason, int flags, const mosquitto_property *properties)
{
    (void)context, (void)flags, (void)properties;
    if (reason)
        fail("the broker refuses: %s", mosquitto_reason_string(reason));
    int failed = mosquitto_subscribe(client, NULL, "cameras/+/frame", options.qos);
    if (failed)
        fail("cannot subscribe: %s", mosquitto_strerror(failed));
}

static void on_subscribe(struct mosquitto *client, void *context, int id, int count, const int *granted, const mosquitto_property *properties)
{
    (void)client, (void)context, (void)id, (void)properties;
    if (count != 1 || granted[0] != options.qos)
        fail("the broker refuses the subscription");
    puts("ready");
    fflush(stdout);
}

/* The numbers that the sender gave the frame, from its user properties. */
static void read_stamp(const mosquitto_property *properties, uint64_t *captured, uint64_t *sequence)
{
    char *name, *value;
    bool again = false;
    *captured = *sequence = 0;
    while ((properties = mosquitto_property_read_string_pair(properties, MQTT_PROP_USER_PROPERTY, &name, &value, again))) {
        if (!strcmp(name, "time"))
            *captured = strtoull(value, NULL, 10);
        else if (!strcmp(name, "sequence"))
            *sequence = strtoull(value, NULL, 10);
        free(name);
        free(value);
        again = true;
    }
    if (!*captured || !*sequence)
        fail("a frame without time or sequence");
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message, const mosquitto_property *properties)
{
    (void)client, (void)context;
    char camera[128];
    uint64_t captured, sequence;
    if (ended)
        return;
    if (sscanf(message->topic, "cameras/%127[^/]/frame", camera) != 1)
        fail("not a topic of frames: %.200s", message->topic);
    read_stamp(properties, &captured, &sequence);
    store_frame(camera, captured, sequence, message->payload, (size_t)message->payloadlen);
    ended = ++stored == options.frames;
}

int main(int count, char **words)
{
    options = receiver_options(count, words);
    open_frame_files(options.out);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);

    struct mosquitto *client = new_client();
    mosquitto_connect_v5_callback_set(client, on_connect);
    mosquitto_subscribe_v5_callback_set(client, on_subscribe);
    mosquitto_message_v5_callback_set(client, on_message);
    int failed = mosquitto_connect(client, "127.0.0.1", options.port, 60);
    while (!failed && !ended)
        failed = mosquitto_loop(client, 1000, 1);
    if (failed)
        fail("no connection to port %d: %s", options.port, mosquitto_strerror(failed));
    mosquitto_disconnect(client);
    free_client(client);
    return 0;
}
