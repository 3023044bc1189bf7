import constants from 'mqtt-packet/constants.js'

/**
 * The library ends the session at a PUBACK whose code the standard reserves for other packets (MQTT 5.0 section 2.4). Servers
 * send such codes nevertheless: mosquitto answers 0x95, packet too large, to a message above its `message_size_limit`. One
 * such record would then keep all others from ever being sent, so every refusal is let through to the table of fates.
 */
export function acceptEveryRefusal(): void {
  const known = constants.MQTT5_PUBACK_PUBREC_CODES
  for (let code = 0x80; code <= 0xff; code += 1) known[code] ??= 'refused'
}
