/** A device as the API lists it. */
export interface DeviceRecord {
  readonly id: string
  readonly name: string | null
  readonly groups: readonly string[]
  readonly createdAt: number
  readonly last: { readonly timestamp: number } | null
}
