import { useConsole } from '../hooks/live-context.ts'
import { useSelected } from '../hooks/use-store.ts'
import { CopyButton } from './copy-button.tsx'

/** What to do first: a line that puts a dot on the map. */
export function EmptyFleet() {
  const { live } = useConsole()
  const online = useSelected(live.connection.store, state => state.phase === 'online')
  const { org } = live.session
  const command = [
    `TOKEN=$(npx trackwire token --org ${org} --role device --sub truck-1)`,
    `mosquitto_pub -h ${location.hostname} -p 1883 -i truck-1 -u truck-1 -P "$TOKEN" -q 1 \\`,
    `  -t ${org}/devices/truck-1/location \\`,
    `  -m '{"timestamp":'$(date +%s000)',"location":{"lat":41.1496,"lng":-8.6109}}'`,
  ].join('\n')
  return (
    <section className="panel empty" aria-label="Devices">
      <h2>{online ? 'No device has reported yet' : 'Waiting for the first positions'}</h2>
      <p>
        Publish to <code>{org}/devices/&lt;id&gt;/location</code> and it appears here at once. From the folder where
        Trackwire is installed:
      </p>
      <pre>
        <code>{command}</code>
      </pre>
      <CopyButton text={command} />
    </section>
  )
}
