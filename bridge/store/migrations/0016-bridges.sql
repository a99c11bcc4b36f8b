-- Which messages go to other brokers, as the configuration says: written afresh at each start.
create table bridge_routes (
  bridge text not null,
  -- Of several that match, the first decides.
  place smallint not null,
  -- A regular expression of our topics.
  pattern text not null,
  -- So many characters of our topic give way to the prefix at the other broker.
  local_prefix_length smallint not null,
  remote_prefix text not null,
  primary key (bridge, place)
);

-- What the other broker has not acknowledged yet.
create table bridge_queue (
  id bigint generated always as identity primary key,
  bridge text not null,
  -- At the other broker.
  topic text not null,
  payload text not null,
  retain boolean not null,
  -- Given up before everything else when there are too many.
  is_position boolean not null,
  created_at bigint not null
);
create index bridge_queue_in_order on bridge_queue (bridge, id);

create function bridge_destinations(local_topic text) returns table (bridge text, topic text)
language sql stable as $$
  select distinct on (bridge) bridge, remote_prefix || substr(local_topic, local_prefix_length + 1)
  from bridge_routes where local_topic ~ pattern order by bridge, place
$$;

-- Whatever is announced is kept for other brokers by the transaction that decided to announce it, whichever process that is.
create function keep_for_bridges() returns trigger
language plpgsql as $$
begin
  if exists (select from bridge_routes) then
    insert into bridge_queue (bridge, topic, payload, retain, is_position, created_at)
    select to_there.bridge, to_there.topic, message.payload, message.retain, false, message.created_at
    from announced message cross join lateral bridge_destinations(message.topic) to_there
    order by message.id;
  end if;
  return null;
end
$$;
create trigger outbox_kept_for_bridges after insert on outbox
  referencing new table as announced for each statement execute function keep_for_bridges();
