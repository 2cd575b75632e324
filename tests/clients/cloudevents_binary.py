"""Reads frames in binary mode as CloudEvents: the SDK checks that the attributes make a valid event."""

from cloudevents.core.v1.event import CloudEvent
from dateutil.parser import isoparse
from receiving import receive


def frame(message):
    attributes = dict(message.properties.UserProperty)
    attributes["time"] = isoparse(attributes["time"])
    attributes["datacontenttype"] = message.properties.ContentType
    event = CloudEvent(attributes, message.payload)
    said = {name: str(value) for name, value in event.get_attributes().items()}
    said["time"] = event.get_time().isoformat()
    return said, event.get_data()


receive(frame)
