/** The channels as the SDK needs them. Made from `contract/channels.ts` by `npm run docs`; do not edit. */
// biome-ignore format: written by a program
export const CHANNEL_TABLE = {
  location: { template: '{org}/devices/{deviceId}/location', qos: 1, retain: false },
  locationBatch: { template: '{org}/devices/{deviceId}/location/batch', qos: 1, retain: false },
  last: { template: '{org}/devices/{deviceId}/last', qos: 0, retain: true },
  status: { template: '{org}/devices/{deviceId}/status', qos: 1, retain: true },
  sos: { template: '{org}/devices/{deviceId}/sos', qos: 1, retain: false },
  command: { template: '{org}/devices/{deviceId}/commands/{commandId}', qos: 1, retain: false },
  fence: { template: '{org}/fences/{fenceId}', qos: 1, retain: true },
  geofenceNotification: { template: '{org}/notifications/geofence/{event:enter|exit|dwell|correction}/{deviceId}', qos: 1, retain: false },
  deviceNotification: { template: '{org}/notifications/device/{event:online|offline|low-battery|overspeed|idle|moving|stationary|tow|near|far|off-route|identity-clash}/{deviceId}', qos: 1, retain: false },
  sosNotification: { template: '{org}/notifications/sos/{event:triggered|acknowledged|escalated|resolved|cancelled}/{deviceId}', qos: 1, retain: false },
  sosOpen: { template: '{org}/sos/{deviceId}', qos: 1, retain: true },
  sosTrail: { template: '{org}/sos/{deviceId}/trail', qos: 1, retain: false },
  sosAnswer: { template: '{org}/sos/{alertId}/{action:acknowledge|resolve}', qos: 1, retain: false },
  incident: { template: '{org}/incidents/{incidentId}', qos: 1, retain: true },
  errors: { template: '{org}/users/{userId}/errors', qos: 0, retain: false },
  authToken: { template: '$auth/token', qos: 1, retain: false },
} as const
