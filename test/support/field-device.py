"""field-device.py tcp PORT | rtu PATH, then COUNT: a Modbus device of pymodbus that counts how often it was read.

Every read of its input registers that begins at address 0 serves the next number n after COUNT, in several types:
  0 uint32 n, 2 int16 -(n % 1000), 3 uint64 2^60 + n, 7 float32 n / 4 with the words swapped (CDAB)
Holding registers 0 to 9 can be written. What is served and written goes to standard output, one JSON object a line.
"""
import json
import struct
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartSerialServer, StartTcpServer
from pymodbus.transaction import ModbusRtuFramer

kind, place, count = sys.argv[1], sys.argv[2], int(sys.argv[3])


def say(item):
    sys.stdout.write(json.dumps(item) + "\n")
    sys.stdout.flush()


class Counting(ModbusSequentialDataBlock):
    """Input registers that are different at every read."""

    def __init__(self):
        super().__init__(0, [0] * 9)
        self.served = count

    def getValues(self, address, count=1):
        if address == 0:
            self.served += 1
            n = self.served
            number = struct.pack(">IhQ", n, -(n % 1000), 2**60 + n)
            real = struct.pack(">f", n / 4)
            self.values = list(struct.unpack(">9H", number + real[2:] + real[:2]))
            say({"served": n})
        return super().getValues(address, count)


class Noted(ModbusSequentialDataBlock):
    """Holding registers that tell what is written to them."""

    def setValues(self, address, values):
        super().setValues(address, values)
        say({"written": [address, list(values)]})


unit = ModbusSlaveContext(ir=Counting(), hr=Noted(0, [0] * 10), zero_mode=True)
context = ModbusServerContext(slaves={1: unit}, single=False)
if kind == "tcp":
    StartTcpServer(context=context, address=("127.0.0.1", int(place)), allow_reuse_address=True)
else:
    StartSerialServer(context=context, framer=ModbusRtuFramer, port=place, baudrate=115200, timeout=0.02)
