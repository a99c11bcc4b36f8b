import { ListState } from '../parts/list-state.tsx'
import { useList } from '../parts/use-list.ts'

interface Group {
  readonly id: string
  readonly devices: number
  readonly users: number
}

/** Groups are made by naming them, so there is nothing to create here. */
export function GroupList() {
  const list = useList<Group>('/groups')
  return (
    <>
      <p className="muted">
        A group is there while a device is in it or a user is granted it: name it at a device or at a user.
      </p>
      <div className="box">
        {list.items !== null && list.items.length > 0 && (
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Group</th>
                <th scope="col">Devices</th>
                <th scope="col">Users</th>
              </tr>
            </thead>
            <tbody>
              {list.items.map(({ id, devices, users }) => (
                <tr key={id}>
                  <th scope="row">{id}</th>
                  <td>{devices}</td>
                  <td>{users}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <ListState list={list} empty="There is no group yet." />
      </div>
    </>
  )
}
