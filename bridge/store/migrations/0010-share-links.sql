-- A look at some devices for whoever has the link. The code in it is kept as a hash only.
create table share_links (
  org text not null references organisations,
  id text not null,
  code_hash text not null unique,
  -- The principal that made it; when it has an account, the link lives only while the account may see the devices.
  maker text not null,
  maker_has_account boolean not null,
  label text,
  devices text[] not null,
  from_time bigint not null,
  until_time bigint not null,
  history boolean not null,
  area jsonb,
  precision_meters double precision,
  max_views integer,
  views integer not null default 0,
  created_at bigint not null,
  revoked_at bigint,
  revoked_by text,
  primary key (org, id)
);
create index share_links_by_time on share_links (org, created_at desc, id desc);
create index share_links_by_end on share_links (until_time);

-- One row each time a link is opened. The address is shortened before it comes here.
create table share_views (
  org text not null,
  link_id text not null,
  id text not null,
  opened_at bigint not null,
  last_seen_at bigint not null,
  address text not null,
  user_agent text,
  primary key (org, link_id, id),
  foreign key (org, link_id) references share_links on delete cascade
);
