"""modbus-server.py tcp PORT | rtu PATH: unit 17 of pymodbus with fixed registers (see pymodbus.test.ts)."""
import struct
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartSerialServer, StartTcpServer
from pymodbus.transaction import ModbusRtuFramer

kind, place = sys.argv[1], sys.argv[2]
holding = struct.pack(">hIqffd", -613, 4_000_000_000, -(2**63) + 1, 12.5, 230.4, 123.456) + b"SDM120\0\0"
words = list(struct.unpack(f">{len(holding) // 2}H", holding))
swapped = struct.pack(">f", 61.3)
input_words = list(struct.unpack(">2H", swapped[2:] + swapped[:2])) + list(range(200))
unit = ModbusSlaveContext(
    hr=ModbusSequentialDataBlock(0, words + [0] * 20),
    ir=ModbusSequentialDataBlock(0, input_words),
    co=ModbusSequentialDataBlock(0, [True, False, True, True] + [False] * 16),
    di=ModbusSequentialDataBlock(0, [False, True] * 8),
    zero_mode=True,
)
context = ModbusServerContext(slaves={17: unit}, single=False)
if kind == "tcp":
    StartTcpServer(context=context, address=("127.0.0.1", int(place)), allow_reuse_address=True)
else:
    StartSerialServer(context=context, framer=ModbusRtuFramer, port=place, baudrate=115200, timeout=0.02)
