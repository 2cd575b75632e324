#include "mosquitto_client.h"

#include <mqtt_protocol.h>
#include <stddef.h>

#include "options.h"

struct mosquitto *new_client(void)
{
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);
    if (!client)
        fail("no memory for a client");
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    return client;
}

void free_client(struct mosquitto *client)
{
    mosquitto_destroy(client);
    mosquitto_lib_cleanup();
}
