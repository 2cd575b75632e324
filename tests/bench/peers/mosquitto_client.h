/* What both ends of the libmosquitto pair do with their client. */
#pragma once

#include <mosquitto.h>

/* An MQTT 5 client that is not connected yet. */
struct mosquitto *new_client(void);
void free_client(struct mosquitto *client);
