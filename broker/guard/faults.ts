/** Why a stream of bytes is no MQTT 3.1 or 3.1.1, and what the standard makes of it. */
export interface Fault {
  /** Stable, few: it is a label of a metric. */
  readonly reason: string
  readonly message: string
  /** CONNACK return code, where the standard has one; otherwise the connection is closed without an answer. */
  readonly returnCode?: number
}

/** Every fault that can be told from the bytes of one connection alone. [MQTT-4.8.0-1]: each of them ends it. */
export const FAULTS = {
  notConnected: { reason: 'not_connected', message: 'the first packet is not CONNECT [MQTT-3.1.0-1]' },
  secondConnect: { reason: 'second_connect', message: 'a second CONNECT [MQTT-3.1.0-2]' },
  packetType: { reason: 'packet_type', message: 'a packet type that no client sends (MQTT 3.1.1 §2.2.1)' },
  headerFlags: { reason: 'header_flags', message: 'reserved flags of the fixed header [MQTT-2.2.2-1], [MQTT-2.2.2-2]' },
  publishQos: { reason: 'publish_qos', message: 'a PUBLISH with QoS 3 [MQTT-3.3.1-4]' },
  publishDup: { reason: 'publish_dup', message: 'DUP with QoS 0 [MQTT-3.3.1-2]' },
  remainingLength: {
    reason: 'remaining_length',
    message: 'a remaining length of more than 4 bytes (MQTT 3.1.1 §2.2.3)',
  },
  tooLarge: { reason: 'packet_too_large', message: 'a packet over the limit' },
  tooShort: { reason: 'packet_length', message: 'a field goes beyond the end of its packet' },
  tooLong: { reason: 'packet_length', message: 'bytes are left over behind the last field of a packet' },
  protocolName: { reason: 'protocol_name', message: 'the protocol name is neither MQTT nor MQIsdp [MQTT-3.1.2-1]' },
  protocolLevel: {
    reason: 'protocol_level',
    message: 'the protocol level is not served: MQTT 3.1 and 3.1.1 are [MQTT-3.1.2-2]',
    returnCode: 1,
  },
  connectReserved: { reason: 'connect_flags', message: 'the reserved flag of CONNECT is set [MQTT-3.1.2-3]' },
  willQos: { reason: 'connect_flags', message: 'a will with QoS 3 [MQTT-3.1.2-14]' },
  willFlags: {
    reason: 'connect_flags',
    message: 'QoS or retain of a will, but no will [MQTT-3.1.2-11], [MQTT-3.1.2-13], [MQTT-3.1.2-15]',
  },
  passwordAlone: { reason: 'connect_flags', message: 'a password without a user name [MQTT-3.1.2-22]' },
  utf8: { reason: 'utf8', message: 'a string is not well-formed UTF-8 [MQTT-1.5.3-1]' },
  nul: { reason: 'utf8', message: 'a string holds U+0000 [MQTT-1.5.3-2]' },
  emptyTopic: { reason: 'topic', message: 'an empty topic name or filter [MQTT-4.7.3-1]' },
  topicWildcard: { reason: 'topic', message: 'a wildcard in a topic name [MQTT-3.3.2-2]' },
  hash: { reason: 'topic', message: '# is not alone on the last level of its filter [MQTT-4.7.1-2]' },
  plus: { reason: 'topic', message: '+ is not alone on its level [MQTT-4.7.1-3]' },
  packetIdentifier: { reason: 'packet_identifier', message: 'the packet identifier is 0 [MQTT-2.3.1-1]' },
  requestedQos: { reason: 'requested_qos', message: 'a requested QoS other than 0, 1 and 2 [MQTT-3-8.3-4]' },
  noFilter: { reason: 'no_filter', message: 'no topic filter [MQTT-3.8.3-3], [MQTT-3.10.3-2]' },
} as const satisfies Record<string, Fault>
