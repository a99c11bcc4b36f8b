import { CopyButton } from '../../panels/copy-button.tsx'
import './parts.css'

/** A secret that the platform shows this once. */
export function SecretOnce({ label, secret }: { readonly label: string; readonly secret: string }) {
  return (
    <div className="secret">
      <p>
        <strong>{label}</strong> <span className="muted">It is shown this once.</span>
      </p>
      <div className="secret__row">
        <code>{secret}</code>
        <CopyButton text={secret} />
      </div>
    </div>
  )
}
