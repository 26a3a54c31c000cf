-- Roles. Login roles are the operator's business: they are made members of keepsake_app.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keepsake_app') THEN
    CREATE ROLE keepsake_app NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keepsake_deleter') THEN
    CREATE ROLE keepsake_deleter NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keepsake_eraser') THEN
    CREATE ROLE keepsake_eraser NOLOGIN;
  END IF;
  EXECUTE format('GRANT keepsake_app, keepsake_deleter, keepsake_eraser TO %I', current_user);
EXCEPTION WHEN duplicate_object THEN
  NULL; -- another database of this cluster is being set up at the same moment
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO keepsake_app, keepsake_deleter, keepsake_eraser;

CREATE TABLE workspaces (
  id text PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9-]{0,39}$'),
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
  id uuid PRIMARY KEY,
  role text NOT NULL CHECK (role IN ('admin', 'platform', 'ops')),
  workspace_id text REFERENCES workspaces,
  owner_name text NOT NULL,
  owner_email text NOT NULL CHECK (owner_email = lower(btrim(owner_email))),
  hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz,
  CHECK ((role = 'admin') = (workspace_id IS NOT NULL))
);

-- One partition a workspace, made by `npm run workspaces`. `written_in` and `inserted_in` are set by
-- the trigger below and by nothing else; every deletion rests on them.
CREATE TABLE users (
  workspace_id text NOT NULL,
  user_id text COLLATE "C" NOT NULL CHECK (char_length(user_id) BETWEEN 1 AND 255),
  first_name text,
  last_name text,
  gender text,
  country text,
  city text,
  language text,
  timezone text,
  email text,
  phone text,
  last_channel text,
  dob date,
  email_optin boolean,
  sms_optin boolean,
  whats_app_optin boolean,
  tags text[] CHECK (cardinality(tags) > 0),
  properties jsonb NOT NULL DEFAULT '{}',
  legal_hold boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  written_in xid8 NOT NULL,
  inserted_in xid8 NOT NULL,
  PRIMARY KEY (workspace_id, user_id)
) PARTITION BY LIST (workspace_id);

CREATE INDEX users_created_at ON users (workspace_id, created_at, user_id);
CREATE INDEX users_email ON users (workspace_id, lower(email) COLLATE "C");
CREATE INDEX users_phone ON users (workspace_id, phone COLLATE "C");
CREATE INDEX users_first_name ON users (workspace_id, lower(first_name) COLLATE "C");
CREATE INDEX users_last_name ON users (workspace_id, lower(last_name) COLLATE "C");

-- The top-level transaction that wrote this version of the row. `xmin` would hold a subtransaction
-- after a savepoint, for which pg_visible_in_snapshot answers wrongly.
CREATE FUNCTION stamp_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.written_in := pg_catalog.pg_current_xact_id();
  IF TG_OP = 'INSERT' THEN
    NEW.inserted_in := NEW.written_in;
    RETURN NEW;
  END IF;
  IF NEW.workspace_id <> OLD.workspace_id OR NEW.user_id <> OLD.user_id THEN
    RAISE EXCEPTION 'a user never changes workspace or id' USING ERRCODE = 'restrict_violation';
  END IF;
  NEW.inserted_in := OLD.inserted_in;
  RETURN NEW;
END $$;

-- Row triggers fire in the order of their names: this one must be the last to touch the row.
CREATE TRIGGER zzz_stamp BEFORE INSERT OR UPDATE ON users
  FOR EACH ROW EXECUTE FUNCTION stamp_user();
ALTER TABLE users ENABLE ALWAYS TRIGGER zzz_stamp;

CREATE TABLE properties (
  workspace_id text NOT NULL REFERENCES workspaces,
  name text COLLATE "C" NOT NULL CHECK (name ~ '^[A-Za-z][A-Za-z0-9_]{0,63}$'),
  type text NOT NULL CHECK (type IN ('string', 'number', 'boolean', 'date', 'time', 'datetime', 'list', 'email', 'phone', 'url')),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, name)
);

CREATE TABLE segments (
  id uuid PRIMARY KEY,
  workspace_id text NOT NULL REFERENCES workspaces,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
  filter jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (workspace_id, name)
);

GRANT SELECT ON workspaces, api_keys TO keepsake_app;
GRANT SELECT, INSERT, UPDATE ON users TO keepsake_app;
GRANT SELECT, INSERT ON properties TO keepsake_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON segments TO keepsake_app;
-- Locking a row asks for the right to update some column; the trigger never lets an id change.
GRANT SELECT, DELETE, UPDATE (user_id) ON users TO keepsake_deleter;

-- The one way to make a workspace. PARTITION OF would wait for every reader of `users`; attaching a
-- table made beforehand does not. Partitions are read and emptied by their own name, so they need
-- grants of their own.
CREATE FUNCTION create_workspace(p_id text, p_name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  partition_name text := 'users_' || p_id;
BEGIN
  INSERT INTO workspaces (id, name) VALUES (p_id, p_name);
  EXECUTE format('CREATE TABLE %I (LIKE users INCLUDING ALL)', partition_name);
  EXECUTE format('ALTER TABLE %I ADD CHECK (workspace_id = %L)', partition_name, p_id);
  EXECUTE format('ALTER TABLE users ATTACH PARTITION %I FOR VALUES IN (%L)', partition_name, p_id);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO keepsake_app', partition_name);
  EXECUTE format('GRANT SELECT, DELETE, UPDATE (user_id) ON %I TO keepsake_deleter', partition_name);
END $$;
REVOKE ALL ON FUNCTION create_workspace FROM PUBLIC;
