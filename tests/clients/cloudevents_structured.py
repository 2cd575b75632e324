"""Reads frames in structured mode as CloudEvents: the SDK parses and checks the whole payload."""

from cloudevents.core.formats.json import JSONFormat
from receiving import receive


def frame(message):
    content_type = getattr(getattr(message, "properties", None), "ContentType", None)
    event = JSONFormat().read(None, message.payload)
    said = {name: str(value) for name, value in event.get_attributes().items()}
    said["time"] = event.get_time().isoformat()
    said["contenttype"] = content_type
    return said, event.get_data()


receive(frame)
