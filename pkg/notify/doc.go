// Package notify sends messages to people: to a webhook and by mail, with a
// bounded number of tries. It knows nothing of fleets; who calls it says what is
// worth a message, to whom, and how often.
package notify
