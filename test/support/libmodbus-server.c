/* libmodbus-server tcp PORT | rtu PATH: unit 17 of libmodbus with the registers of modbus-server.py. One client at a time. */
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UNIT = 17, HOLDING = 39, INPUTS = 202, BITS = 20 };

/* Highest register first, as on the wire. */
static void put(uint16_t *words, int count, uint64_t raw) {
  for (int at = count - 1; at >= 0; at--, raw >>= 16) words[at] = (uint16_t)raw;
}

static void put_float(uint16_t *words, float value) {
  uint32_t raw;
  memcpy(&raw, &value, sizeof raw);
  put(words, 2, raw);
}

static void fill(modbus_mapping_t *map) {
  double precise = 123.456;
  uint64_t raw;
  memcpy(&raw, &precise, sizeof raw);
  put(map->tab_registers, 1, (uint16_t)-613);
  put(map->tab_registers + 1, 2, 4000000000u);
  put(map->tab_registers + 3, 4, (uint64_t)INT64_MIN + 1);
  put_float(map->tab_registers + 7, 12.5f);
  put_float(map->tab_registers + 9, 230.4f);
  put(map->tab_registers + 11, 4, raw);
  put(map->tab_registers + 15, 4, 0x53444d3132300000u); /* "SDM120" */
  uint16_t swapped[2];
  put_float(swapped, 61.3f);
  map->tab_input_registers[0] = swapped[1];
  map->tab_input_registers[1] = swapped[0];
  for (int at = 2; at < INPUTS; at++) map->tab_input_registers[at] = (uint16_t)(at - 2);
  map->tab_bits[0] = map->tab_bits[2] = map->tab_bits[3] = 1;
  for (int at = 0; at < 16; at++) map->tab_input_bits[at] = at % 2;
}

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
  exit(1);
}

/* Until the client goes away. */
static void serve(modbus_t *context, modbus_mapping_t *map) {
  uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
  for (;;) {
    int length = modbus_receive(context, request);
    if (length > 0) modbus_reply(context, request, length, map);
    else if (length == -1 && errno != EMBBADCRC) return;
  }
}

int main(int count, char **words) {
  if (count != 3) return 2;
  int is_tcp = strcmp(words[1], "tcp") == 0;
  modbus_t *context = is_tcp ? modbus_new_tcp("127.0.0.1", atoi(words[2])) : modbus_new_rtu(words[2], 115200, 'N', 8, 1);
  modbus_mapping_t *map = modbus_mapping_new(BITS, BITS, HOLDING, INPUTS);
  if (context == NULL || map == NULL) fail("start");
  fill(map);
  modbus_set_slave(context, UNIT);
  if (!is_tcp) {
    if (modbus_connect(context) == -1) fail("open");
    for (;;) serve(context, map);
  }
  int listener = modbus_tcp_listen(context, 1);
  if (listener == -1) fail("listen");
  for (;;) {
    if (modbus_tcp_accept(context, &listener) == -1) fail("accept");
    serve(context, map);
    modbus_close(context);
  }
}
