"""A Modbus client nobody here wrote: pymodbus asks unit 3 of a simulator for everything it can, and prints the answers.

Usage: modbus-client.py tcp PORT | rtu-tcp PORT | rtu PATH | ascii PATH
"""
import json
import sys

from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.framer.ascii_framer import ModbusAsciiFramer
from pymodbus.framer.rtu_framer import ModbusRtuFramer
from pymodbus.mei_message import ReadDeviceInformationRequest

UNIT = 3
kind, place = sys.argv[1:]
if kind == "tcp":
    client = ModbusTcpClient("127.0.0.1", port=int(place), timeout=5)
elif kind == "rtu-tcp":
    client = ModbusTcpClient("127.0.0.1", port=int(place), framer=ModbusRtuFramer, timeout=5)
else:
    framer = ModbusRtuFramer if kind == "rtu" else ModbusAsciiFramer
    client = ModbusSerialClient(place, framer=framer, baudrate=19200, timeout=5)
assert client.connect(), place


def said(reply):
    if reply.isError():
        return "exception %d" % reply.exception_code if hasattr(reply, "exception_code") else repr(reply)
    if hasattr(reply, "registers"):
        return list(reply.registers)
    return [int(bit) for bit in reply.bits] if hasattr(reply, "bits") else "done"


answers = {
    "1": said(client.read_coils(0, 3, slave=UNIT)),
    "2": said(client.read_discrete_inputs(0, 1, slave=UNIT)),
    "3": said(client.read_holding_registers(0, 4, slave=UNIT)),
    "4": said(client.read_input_registers(4, 2, slave=UNIT)),
    "5": said(client.write_coil(1, True, slave=UNIT)),
    "15": said(client.write_coils(0, [False, True, True], slave=UNIT)),
    "1 again": said(client.read_coils(0, 3, slave=UNIT)),
    "6": said(client.write_register(0, 77, slave=UNIT)),
    "16": said(client.write_registers(1, [78, 0x12], slave=UNIT)),
    "22": said(client.mask_write_register(2, 0xF2, 0x25, slave=UNIT, unit=UNIT)),
    "23": said(
        client.readwrite_registers(
            read_address=0, read_count=4, write_address=3, write_registers=[99], unit=UNIT, slave=UNIT
        )
    ),
    "hole": said(client.read_holding_registers(100, 1, slave=UNIT)),
    "read-only": said(client.write_register(9, 1, slave=UNIT)),
    "too many": said(client.read_holding_registers(0, 126, slave=UNIT)),
}
about = client.execute(ReadDeviceInformationRequest(read_code=1, slave=UNIT, unit=UNIT))
answers["43"] = {str(key): text.decode() for key, text in about.information.items()}
client.close()
print(json.dumps(answers))
