/** Roles that a person or program with an account may have; devices come by tokens of their own. */
export const ACCOUNT_ROLES = [
  ['driver', 'Driver: acts for its devices'],
  ['user', 'User: sees its devices'],
  ['dispatcher', 'Dispatcher: sees all, answers alerts, edits fences'],
  ['admin', 'Administrator: may do everything'],
  ['service', 'Service: a program'],
] as const
export type AccountRole = (typeof ACCOUNT_ROLES)[number][0]

export interface User {
  readonly id: string
  readonly role: AccountRole
  readonly disabled: boolean
  readonly devices: readonly string[]
  readonly groups: readonly string[]
  readonly hasPassword: boolean
  readonly createdAt: number
}
