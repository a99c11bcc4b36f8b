import { absoluteTime, durationText } from '../../live/time-text.ts'
import { Dialog } from '../parts/dialog.tsx'
import { ListState } from '../parts/list-state.tsx'
import { useList } from '../parts/use-list.ts'
import type { ShareLink, ShareView } from './share-link.ts'

/** Who opened a link, as far as is kept. */
export function ShareViews({ link, onClose }: { readonly link: ShareLink; onClose(): void }) {
  const list = useList<ShareView>(`/share-links/${encodeURIComponent(link.id)}/views`)
  return (
    <Dialog title={`Views of ${link.label ?? link.devices.join(', ')}`} onClose={onClose} wide>
      {list.items !== null && list.items.length > 0 && (
        <table className="table table--cards">
          <thead>
            <tr>
              <th scope="col">Opened</th>
              <th scope="col">For</th>
              <th scope="col">Network</th>
              <th scope="col">Browser</th>
            </tr>
          </thead>
          <tbody>
            {list.items.map(({ openedAt, seconds, address, userAgent }) => (
              <tr key={`${openedAt}/${address}`}>
                <td>{absoluteTime(openedAt)}</td>
                <td data-label="For">{durationText(seconds * 1_000)}</td>
                <td data-label="Network">{address}</td>
                <td data-label="Browser">{userAgent ?? '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <ListState list={list} empty="Nobody has opened it yet." />
    </Dialog>
  )
}
