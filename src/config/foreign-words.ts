/**
 * What other tools call the things we have (Telegraf, Home Assistant, ThingsBoard, Neuron, Kepware, evcc, mbpoll), so
 * that a file carried over gets the right word named. Ours first, then theirs in lower case without separators.
 */
const table: Readonly<Record<string, string>> = {
  // sections
  connections: 'buses bus channels channel hubs hub controllers modbus ports links southbound',
  devices: 'slaves meters units nodes things equipment sensors',
  points: 'tags tag registers fields metrics measurements channels sensors datapoints values timeseries attributes',
  commands: 'writes setters controls rpc actions',
  uplinks: 'outputs output brokers broker mqtt northbound destinations cloud server servers apps',
  outbox: 'buffer storage queue store cache persistence',
  labels: 'tags tag metadata attributes',
  // connections
  'modbus-tcp': 'tcp modbustcp mbtcp modbustcpip ethernet',
  'modbus-rtu': 'rtu serial modbusrtu modbusserial rs485',
  'serial-text': 'text ascii serialascii line raw nmea',
  host: 'address ip ipaddress hostname server target',
  port: 'device serialport path tty comport com serial',
  line: 'baudrate baud bytesize databits parity stopbits comset serialsettings mode',
  ends_with: 'delimiter terminator eol separator newline',
  timeout: 'responsetimeout readtimeout requesttimeout',
  request_gap: 'delay messagewaitmilliseconds messagewait pauseafterrequest waitms interframedelay sleep pollpause',
  connect_delay: 'connectwait pauseafterconnect delayafterconnect',
  // devices and points
  connection: 'bus channel hub link controller via',
  unit_id:
    'slave slaveid slaveaddress deviceaddress unit unitid id station stationid nodeid modbusid modbusaddress deviceid',
  interval:
    'scaninterval pollperiod pollinterval scanrate period polltime pollrate updateinterval refresh every frequency timeseriespollperiod',
  byte_order: 'wordorder swap endian endianness byteorder datatypeorder',
  max_registers: 'maxbatch maxread maxcount batchsize',
  max_hole: 'maxextraregisters maxgap hole gap',
  register: 'inputtype registertype table functioncode function fc objecttype area',
  address: 'registeraddress addr reg offset startaddress register location',
  ref: 'reference modicon',
  type: 'datatype format valuetype',
  length: 'count registers size objectscount quantity',
  scale: 'multiplier factor gain multiply scalefactor divider',
  offset: 'add bias',
  precision: 'decimals digits round rounding',
  invalid: 'nanvalue nan sentinel novalue badvalue',
  unit: 'unitofmeasurement uom units',
  kind: 'stateclass deviceclass metrictype',
  access: 'mode rw permission attribute writable readonly writeable',
  min: 'minvalue minimum low',
  max: 'maxvalue maximum high',
  pattern: 'regex regexp expression parse',
  // values
  int16: 's16 i16 short int word16 sint16 16int signed16',
  uint16: 'u16 ushort word uint 16uint unsigned16',
  int32: 's32 i32 long dint sint32 32int signed32 integer',
  uint32: 'u32 ulong dword udint 32uint unsigned32',
  int64: 's64 i64 longlong lint 64int bigint',
  uint64: 'u64 ulonglong lword ulint 64uint',
  float16: 'f16 half float16ieee',
  float32: 'f32 float real single 32float float32ieee float32be ieee754 float4',
  float64: 'f64 double lreal 64float float64ieee float8',
  bool: 'boolean coil flag',
  string: 'str text ascii char',
  number: 'num numeric decimal',
  ABCD: 'big bigendian be none 1234 0123',
  DCBA: 'little littleendian le wordbyte 4321 3210',
  CDAB: 'wordswap swapword midlittle 3412 2301',
  BADC: 'byteswap swapbyte midbig 2143 1032',
  holding: 'holdingregister holdingregisters 4x hr 3',
  input: 'inputregister inputregisters 3x ir 4',
  discrete: 'discreteinput discreteinputs contact 1x di 2',
  coil: 'coils 0x co 1',
  ro: 'r read readonly',
  rw: 'wr readwrite',
  wo: 'w write writeonly',
  counter: 'total totalincreasing increasing',
  gauge: 'measurement',
  head: 'oldest beginning earliest start',
  tail: 'newest latest end now',
  // uplinks
  url: 'broker server servers host endpoint address uri connectionstring',
  username: 'user login account',
  password: 'pass passwd pw pwd secret',
  client_id: 'clientid id mqttclientid',
  keepalive: 'keepaliveinterval heartbeat pinginterval',
  session_expiry: 'sessionexpiryinterval expiry',
  topic: 'datatopic publishtopic topicprefix basetopic pubtopic',
  subscribe: 'subscription commandtopic subtopic filter topicfilter',
  window: 'inflight maxinflight maxinflightmessages receivemaximum',
  ca: 'tlsca cafile cacert rootca cafilepath',
  cert: 'tlscert clientcert certfile certificate',
  key: 'tlskey clientkey keyfile privatekey',
  insecure: 'insecureskipverify skipverify rejectunauthorized tlsinsecure',
  server_name: 'sni servername tlsservername',
  max_records: 'metricbatchsize batchsize count size',
  max_wait: 'flushinterval linger lingerms',
  commit_interval: 'flushinterval syncinterval fsyncinterval',
  max_age: 'ttl retention retentiontime messagettl expire',
  max_size: 'maxbytes limit buffersize storagelimit maxdisk',
  write: 'target set output to',
  expires_after: 'ttl expiry expires timeout validfor',
  verify: 'readback check confirm',
  accept_retained: 'retained retain allowretained',
}

/** Their word, in lower case without separators -> ours, in the order of the table. */
export const foreignWords: ReadonlyMap<string, readonly string[]> = inverted(table)

function inverted(ours: Readonly<Record<string, string>>): Map<string, string[]> {
  const theirs = new Map<string, string[]>()
  for (const [word, others] of Object.entries(ours)) {
    for (const other of others.split(' ')) theirs.set(other, [...(theirs.get(other) ?? []), word])
  }
  return theirs
}
