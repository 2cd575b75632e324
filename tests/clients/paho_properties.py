"""Reads frames in binary mode as any MQTT 5 client would: content type, user properties, and the payload as it is."""

from receiving import receive


def frame(message):
    said = {
        "contenttype": message.properties.ContentType,
        "qos": message.qos,
        "retain": message.retain,
    }
    said.update(message.properties.UserProperty)
    return said, message.payload


receive(frame)
