package config

// Notify says whom the leading agent tells of what happens. It should not depend
// on the voice service itself.
type Notify struct {
	// Webhooks are addresses that take JSON.
	Webhooks []NotifyWebhook `yaml:"webhooks,omitempty" json:"webhooks,omitempty" jsonschema_description:"Addresses that take messages as JSON."`
	// Mail are mail servers.
	Mail []NotifyMail `yaml:"mail,omitempty" json:"mail,omitempty" jsonschema_description:"Mail servers."`
	// Repeat is how often an incident that nobody has taken over is told again.
	RepeatMinutes int `yaml:"repeat_minutes,omitempty" json:"repeat_minutes,omitempty" jsonschema:"minimum=1,maximum=1440" jsonschema_description:"How often an incident that nobody has taken over is told again. Default: 15."`
	// Heartbeat is called each minute by the leader.
	Heartbeat string `yaml:"heartbeat,omitempty" json:"heartbeat,omitempty" jsonschema_description:"Address that the leader calls each minute; a watcher outside raises the alarm when it hears nothing. Default: none."`
}

// NotifyWebhook is one address. The URL is often a secret: the file's mode
// guards it.
type NotifyWebhook struct {
	URL string `yaml:"url" json:"url" jsonschema_description:"Address that takes a POST."`
	// Format is in whose words the body is.
	Format string `yaml:"format,omitempty" json:"format,omitempty" jsonschema:"enum=json,enum=slack,enum=teams,enum=pagerduty" jsonschema_description:"Who takes it: json (our own, docs/incidents.md), slack (Mattermost and Rocket.Chat too), teams (a workflow that takes an Adaptive Card) or pagerduty (Events API v2). Default: json."`
	// KeyFile is private: mode 0600.
	KeyFile string   `yaml:"key_file,omitempty" json:"key_file,omitempty" jsonschema_description:"For pagerduty: file with the routing key, mode 0600 at most; relative to this file."`
	Least   string   `yaml:"least,omitempty" json:"least,omitempty" jsonschema:"enum=info,enum=minor,enum=major,enum=critical" jsonschema_description:"Least severity that is told there. Default: info."`
	Topics  []string `yaml:"topics,omitempty" json:"topics,omitempty" jsonschema_description:"Topics that are told there: incident, automation, runbook, readiness, notice. Default: all."`
	Roles   []string `yaml:"roles,omitempty" json:"roles,omitempty" jsonschema_description:"Only what asks something of these roles, such as approvals: operator, admin. Default: everything."`
}

// NotifyMail is one mail server with its recipients.
type NotifyMail struct {
	Server string   `yaml:"server" json:"server" jsonschema_description:"HOST:PORT of the mail server."`
	From   string   `yaml:"from" json:"from" jsonschema_description:"Sender's address."`
	To     []string `yaml:"to" json:"to" jsonschema:"minItems=1" jsonschema_description:"Recipients' addresses."`
	User   string   `yaml:"user,omitempty" json:"user,omitempty" jsonschema_description:"User name to log in with, over TLS only. Default: no login."`
	// PasswordFile is private: mode 0600.
	PasswordFile string   `yaml:"password_file,omitempty" json:"password_file,omitempty" jsonschema_description:"File with the password, mode 0600 at most; relative to this file."`
	Plain        bool     `yaml:"plain,omitempty" json:"plain,omitempty" jsonschema_description:"Allow a server that offers no TLS: one on the same machine. Default: false."`
	Least        string   `yaml:"least,omitempty" json:"least,omitempty" jsonschema:"enum=info,enum=minor,enum=major,enum=critical" jsonschema_description:"Least severity that is told there. Default: info."`
	Topics       []string `yaml:"topics,omitempty" json:"topics,omitempty" jsonschema_description:"Topics that are told there: incident, automation, runbook, readiness, notice. Default: all."`
	Roles        []string `yaml:"roles,omitempty" json:"roles,omitempty" jsonschema_description:"Only what asks something of these roles, such as approvals: operator, admin. Default: everything."`
}

// StatusPage says where this agent writes the page for customers.
type StatusPage struct {
	Dir      string `yaml:"dir,omitempty" json:"dir,omitempty" jsonschema_description:"Directory that a web server serves; relative to this file. Default: no page."`
	Brand    string `yaml:"brand,omitempty" json:"brand,omitempty" jsonschema:"maxLength=100" jsonschema_description:"Name that customers know. Default: the zone."`
	Address  string `yaml:"address,omitempty" json:"address,omitempty" jsonschema_description:"Where customers find it, for the feed: https://status.example.net/"`
	Timezone string `yaml:"timezone,omitempty" json:"timezone,omitempty" jsonschema_description:"Zone of the times on it: America/Edmonton. Default: UTC."`
	// Services are those of the brand.
	Services []string `yaml:"services,omitempty" json:"services,omitempty" jsonschema_description:"Services that are on it, and whose incidents are: [west]. Default: all."`
	// Brands are further pages.
	Brands []StatusBrand `yaml:"brands,omitempty" json:"brands,omitempty" jsonschema_description:"Further pages, one for each brand."`
}

// StatusBrand is the page of one more brand.
type StatusBrand struct {
	Dir      string   `yaml:"dir" json:"dir" jsonschema_description:"Directory that a web server serves; relative to this file."`
	Brand    string   `yaml:"brand" json:"brand" jsonschema:"maxLength=100" jsonschema_description:"Name that its customers know."`
	Address  string   `yaml:"address,omitempty" json:"address,omitempty" jsonschema_description:"Where they find it, for the feed."`
	Services []string `yaml:"services,omitempty" json:"services,omitempty" jsonschema_description:"Services that are on it. Default: all."`
}
