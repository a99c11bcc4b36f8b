import { useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { absoluteTime } from '../../live/time-text.ts'
import { PageFrame } from '../page-frame.tsx'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { ListState } from '../parts/list-state.tsx'
import { useList } from '../parts/use-list.ts'
import { ShareForm } from './share-form.tsx'
import type { ShareLink } from './share-link.ts'
import { ShareViews } from './share-views.tsx'

/** Links that show a position to people without an account. */
export default function SharingPage() {
  const { live } = useConsole()
  const list = useList<ShareLink>('/share-links')
  const [making, setMaking] = useState(false)
  const [viewsOf, setViewsOf] = useState<ShareLink | null>(null)
  return (
    <PageFrame
      title="Sharing"
      actions={
        <button className="button button--primary" type="button" onClick={() => setMaking(true)}>
          Share a position
        </button>
      }
    >
      <div className="box">
        {list.items !== null && list.items.length > 0 && (
          <table className="table table--cards">
            <thead>
              <tr>
                <th scope="col">Shows</th>
                <th scope="col">State</th>
                <th scope="col">From</th>
                <th scope="col">Until</th>
                <th scope="col">Made by</th>
                <th scope="col">
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.items.map(link => (
                <tr key={link.id}>
                  <th scope="row">
                    {link.label ?? link.devices.join(', ')}
                    <div className="table__more">{detailsOf(link)}</div>
                  </th>
                  <td data-label="State">
                    <span className="tag" data-tone={link.state === 'live' ? 'good' : undefined}>
                      {link.state}
                    </span>
                  </td>
                  <td data-label="From">{absoluteTime(link.from)}</td>
                  <td data-label="Until">{absoluteTime(link.until)}</td>
                  <td data-label="Made by">{link.maker}</td>
                  <td className="cell-actions">
                    <button className="button button--small" type="button" onClick={() => setViewsOf(link)}>
                      {link.views} {link.views === 1 ? 'view' : 'views'}
                    </button>{' '}
                    {(link.state === 'live' || link.state === 'upcoming') && (
                      <ConfirmButton
                        label="Revoke"
                        title="Revoke this link?"
                        onConfirm={async () => {
                          await live.request(`/share-links/${encodeURIComponent(link.id)}`, { method: 'DELETE' })
                          list.replace(({ id }) => id === link.id, { ...link, state: 'revoked' })
                        }}
                      >
                        <p>It ends within a second, also for those who look on.</p>
                      </ConfirmButton>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <ListState list={list} empty="No position is shared." />
      </div>
      {making && <ShareForm onClose={() => setMaking(false)} onMade={list.reload} />}
      {viewsOf !== null && <ShareViews link={viewsOf} onClose={() => setViewsOf(null)} />}
    </PageFrame>
  )
}

function detailsOf({ label, devices, history, area, precisionMeters, maxViews }: ShareLink): string {
  return [
    ...(label === null ? [] : [devices.join(', ')]),
    ...(history ? ['with its way'] : []),
    ...(area === null ? [] : ['in an area']),
    ...(precisionMeters === null ? [] : [`rounded to ${precisionMeters} m`]),
    ...(maxViews === null ? [] : [`${maxViews} views at most`]),
  ].join(' · ')
}
