/** Where MQTT listens when nobody says otherwise. */
const MQTT_PORT = 1_883

/**
 * Lines for a shell that put a dot on the map: over MQTT, or over HTTP where MQTT is off.
 * @param mqttPort null = MQTT over TCP is off; undefined = not known
 */
export function firstFixCommand(
  org: string,
  { hostname, origin }: { readonly hostname: string; readonly origin: string },
  mqttPort: number | null | undefined,
): string {
  const token = `TOKEN=$(npx trackwire token --org ${org} --role device --sub truck-1)`
  const fix = `'{"timestamp":'$(date +%s000)',"location":{"lat":41.1496,"lng":-8.6109}}'`
  if (mqttPort === null) {
    return [
      token,
      `curl ${origin}/api/tracking/location -H "Authorization: Bearer $TOKEN" \\`,
      `  -H 'Content-Type: application/json' \\`,
      `  -d ${fix}`,
    ].join('\n')
  }
  return [
    token,
    `mosquitto_pub -h ${hostname} -p ${mqttPort ?? MQTT_PORT} -i truck-1 -u truck-1 -P "$TOKEN" -q 1 \\`,
    `  -t ${org}/devices/truck-1/location \\`,
    `  -m ${fix}`,
  ].join('\n')
}
