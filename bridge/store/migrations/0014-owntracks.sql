-- What OwnTracks phones say of themselves beside their positions.

-- Who carries the phone, as it is shown to those who may see it.
create table owntracks_cards (
  org text not null,
  device_id text not null,
  name text,
  -- A PNG or JPEG in base64.
  face text,
  updated_at bigint not null,
  primary key (org, device_id),
  foreign key (org, device_id) references devices on delete cascade
);

-- Which places of a phone became which fences, and as what: a fence that is another one by now is not the phone's any more.
create table owntracks_waypoints (
  org text not null,
  device_id text not null,
  -- The phone's own key of the place.
  created_seconds bigint not null,
  fence_id text not null,
  -- The fence as the phone had it; null when the place lost its circle.
  feature jsonb,
  primary key (org, device_id, created_seconds),
  foreign key (org, device_id) references devices on delete cascade
);
