import { useConsole } from '../hooks/live-context.ts'
import { useStore } from '../hooks/use-store.ts'
import { Icon } from './icons.tsx'

export function Notices() {
  const { live } = useConsole()
  const notices = useStore(live.notices)
  return (
    <div className="notices" role="status">
      {notices.map(({ id, tone, text }) => (
        <p key={id} className="notice" data-tone={tone}>
          <span>{text}</span>
          <button className="icon-button" type="button" aria-label="Dismiss" onClick={() => live.dismiss(id)}>
            <Icon name="close" />
          </button>
        </p>
      ))}
    </div>
  )
}
