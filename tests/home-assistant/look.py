"""Home Assistant's own core with its MQTT integration, and nothing else of it: says what it sees of a camera.

look.py ENTERED CAMERA, run by the Python in which Home Assistant is installed. ENTERED is a file with what somebody enters in the settings of
the integration, as JSON. Each line on standard output is a JSON object with what has come to be; the program goes on to the next when it has
seen it, and ends after the last.
"""

import asyncio
import base64
import json
import pathlib
import socket
import sys
import tempfile

from homeassistant import config_entries, loader
from homeassistant.auth import auth_manager_from_config
from homeassistant.bootstrap import async_load_base_functionality
from homeassistant.components import camera
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry, entity_registry
from homeassistant.setup import async_setup_component

# How long it may take until something is seen.
PATIENCE = 60

entered, name = json.loads(pathlib.Path(sys.argv[1]).read_text()), sys.argv[2]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def started(folder):
    """What its bootstrap does, without the integrations that everybody has."""
    pathlib.Path(folder, "configuration.yaml").touch()
    hass = HomeAssistant(folder)
    hass.config.skip_pip = True
    loader.async_setup(hass)
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    await async_load_base_functionality(hass)
    hass.auth = await auth_manager_from_config(hass, [], [])
    # The integrations that ours needs want a web server, which nobody asks.
    settings = {"http": {"server_host": "127.0.0.1", "server_port": free_port()}}
    for integration in ("homeassistant", "http"):
        assert await async_setup_component(hass, integration, settings), integration
    return hass


async def seen(what, look):
    """Waits until `look` gives something, and says it."""
    for _ in range(PATIENCE * 10):
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            print(json.dumps({what: found}), flush=True)
            return found
        await asyncio.sleep(0.1)
    sys.exit(f"waited {PATIENCE} s in vain: {what}")


async def main(folder):
    hass = await started(folder)
    entry = config_entries.ConfigEntry(
        domain="mqtt",
        title="broker",
        version=2,
        minor_version=1,
        data=entered,
        options={"discovery": True, "discovery_prefix": "homeassistant"},
        source="user",
        unique_id=None,
        discovery_keys={},
        subentries_data=(),
    )
    await hass.config_entries.async_add(entry)
    await hass.async_start()

    def entities():
        registry = entity_registry.async_get(hass)
        return {one.unique_id.rsplit("_", 1)[1]: one.entity_id for one in registry.entities.values()}

    def devices():
        found = [one for one in device_registry.async_get(hass).devices.values() if one.manufacturer == "Framebridge"]
        return [{"name": one.name, "model": one.model, "version": one.sw_version} for one in found]

    def state(key):
        found = hass.states.get(entities().get(key, "sensor.nothing"))
        return found and found.state

    def number(key):
        try:
            return float(state(key))
        except (TypeError, ValueError):
            return None

    async def picture():
        # Until the first has come there is none.
        try:
            image = await camera.async_get_image(hass, entities()["picture"])
        except Exception as why:
            print(f"no picture yet: {why!r}", file=sys.stderr)
            return None
        return base64.b64encode(image.content).decode()

    await seen("devices", devices)
    await seen("entities", lambda: entities() if len(entities()) == 6 else None)
    await seen("fps", lambda: number("fps"))
    await seen("delivered", lambda: number("delivered"))
    await seen("waiting", lambda: str(number("waiting")) if number("waiting") is not None else None)
    await seen("picture", picture)
    every = list(entities())
    await seen("unavailable", lambda: all(state(key) == "unavailable" for key in every))
    await seen("back", lambda: number("fps") and state("picture") != "unavailable")
    await seen("gone", lambda: not entities() and not devices())
    await hass.async_stop(force=True)


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))
