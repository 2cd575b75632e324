/* The peer that a C programmer would write: frames as MQTT 5 messages with libmosquitto, at most 20 of them unacknowledged. */
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <semaphore.h>
#include <stdio.h>

#include "frames.h"
#include "mosquitto_client.h"
#include "options.h"

/* Frames/s flat out, three times 3,000 in turn, into a file system in memory: 6,400-6,800 as here. One thread that turns mosquitto_loop() while it
 * waits: 6,100-6,800, and 3,000-6,700 where it first lets each frame out, so no better. A window of 10: 5,600-7,300; of 100: 5,100-6,700;
 * of 1,000: 5,000-5,700, since the broker takes 20 at a time and the rest only waits. */
#define WINDOW 20

static sem_t connected, places;

static void on_connect(struct mosquitto *client, void *context, int reason, int flags, const mosquitto_property *properties)
{
    (void)client, (void)context, (void)flags, (void)properties;
    if (reason)
        fail("the broker refuses: %s", mosquitto_reason_string(reason));
    sem_post(&connected);
}

static void on_disconnect(struct mosquitto *client, void *context, int reason, const mosquitto_property *properties)
{
    (void)client, (void)context, (void)properties;
    if (reason)
        fail("the connection is lost: %s", mosquitto_strerror(reason));
}

/* With QoS 1 the broker has the frame, with QoS 0 the socket. */
static void on_publish(struct mosquitto *client, void *context, int id, int reason, const mosquitto_property *properties)
{
    (void)client, (void)context, (void)id, (void)properties;
    if (reason >= MQTT_RC_UNSPECIFIED)
        fail("the broker refuses a frame: %s", mosquitto_reason_string(reason));
    sem_post(&places);
}

static void publish(struct mosquitto *client, const struct sender_options *options, uint64_t captured, long sequence, const struct frame *frame)
{
    char topic[256], time[32], number[32];
    mosquitto_property *properties = NULL;
    snprintf(topic, sizeof topic, "cameras/%s/frame", options->camera);
    snprintf(time, sizeof time, "%llu", (unsigned long long)captured);
    snprintf(number, sizeof number, "%ld", sequence);
    mosquitto_property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY, "time", time);
    mosquitto_property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY, "sequence", number);
    int failed = mosquitto_publish_v5(client, NULL, topic, (int)frame->bytes, frame->jpeg, options->qos, false, properties);
    if (failed)
        fail("cannot publish: %s", mosquitto_strerror(failed));
    mosquitto_property_free_all(&properties);
}

int main(int count, char **words)
{
    struct sender_options options = sender_options(count, words);
    struct footage footage = read_footage(options.frames_dir);
    sem_init(&connected, 0, 0);
    sem_init(&places, 0, WINDOW);

    struct mosquitto *client = new_client();
    mosquitto_connect_v5_callback_set(client, on_connect);
    mosquitto_disconnect_v5_callback_set(client, on_disconnect);
    mosquitto_publish_v5_callback_set(client, on_publish);
    int failed = mosquitto_connect(client, "127.0.0.1", options.port, 60);
    if (failed)
        fail("cannot connect to port %d: %s", options.port, mosquitto_strerror(failed));
    if (mosquitto_loop_start(client))
        fail("cannot start libmosquitto's thread");
    sem_wait(&connected);

    struct pace pace = start_pace(options.fps);
    for (long nth = 0; nth < options.frames; nth++) {
        sem_wait(&places);
        publish(client, &options, capture(&pace, nth), nth + 1, &footage.frames[(size_t)nth % footage.count]);
    }
    for (int place = 0; place < WINDOW; place++)
        sem_wait(&places);
    mosquitto_disconnect(client);
    mosquitto_loop_stop(client, false);
    free_client(client);
    free_footage(footage);
    return 0;
}
