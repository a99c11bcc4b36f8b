import { useConsole } from '../hooks/live-context.ts'
import { useSelected, useStore } from '../hooks/use-store.ts'
import { CopyButton } from './copy-button.tsx'
import { firstFixCommand } from './first-fix-command.ts'

/** What to do first: a line that puts a dot on the map. */
export function EmptyFleet() {
  const { live } = useConsole()
  const online = useSelected(live.connection.store, state => state.phase === 'online')
  const config = useStore(live.config)
  const command = firstFixCommand(live.session.org, location, config?.mqttPort)
  return (
    <section className="panel empty" aria-label="Devices">
      <h2>{online ? 'No device has reported yet' : 'Waiting for the first positions'}</h2>
      <p>
        Publish to <code>{live.session.org}/devices/&lt;id&gt;/location</code> and it appears here at once. From the
        folder where Trackwire is installed:
      </p>
      <pre>
        <code>{command}</code>
      </pre>
      <CopyButton text={command} />
    </section>
  )
}
