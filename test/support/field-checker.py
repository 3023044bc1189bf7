"""field-checker.py PORT FILTER: writes every message to standard output, one JSON array a line: [topic, payload].

Connects again for as long as it runs. Says {"connected": true} when its subscription stands. It has no session that
outlives the connection: then the broker repeats nothing of its own, and what comes twice was published twice.
"""
import json
import sys
import time

import paho.mqtt.client as mqtt

port, topic_filter = int(sys.argv[1]), sys.argv[2]


def write(item):
    sys.stdout.write(json.dumps(item) + "\n")
    sys.stdout.flush()


client = mqtt.Client(client_id="checker", clean_session=True)
client.on_connect = lambda _client, _data, _flags, _code: client.subscribe(topic_filter, qos=1)
client.on_subscribe = lambda *_: write({"connected": True})
client.on_disconnect = lambda *_: write({"connected": False})
client.on_message = lambda _client, _data, message: write([message.topic, message.payload.decode()])
while True:
    try:
        client.connect("127.0.0.1", port, keepalive=10)
        while client.loop(timeout=1.0) == mqtt.MQTT_ERR_SUCCESS:
            pass
    except OSError:
        pass
    time.sleep(0.02)
