/** A share link as the API lists it. */
export interface ShareLink {
  readonly id: string
  readonly label: string | null
  readonly devices: readonly string[]
  readonly from: number
  readonly until: number
  readonly history: boolean
  readonly area: unknown
  readonly precisionMeters: number | null
  readonly maxViews: number | null
  readonly views: number
  readonly state: 'upcoming' | 'live' | 'expired' | 'revoked' | 'withdrawn'
  readonly maker: string
  readonly createdAt: number
}

export interface ShareView {
  readonly openedAt: number
  readonly seconds: number
  readonly address: string
  readonly userAgent: string | null
}
