package incident

import (
	"fmt"
	"time"
)

var french = language{
	months: [12]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"},
	date: func(l *language, t time.Time) string {
		day := fmt.Sprint(t.Day())
		if t.Day() == 1 {
			day = "1er"
		}
		return fmt.Sprintf("%s %s %d", day, l.months[t.Month()-1], t.Year())
	},
	and: "et", group: "\u202f",
	causes: map[string]string{
		"":                "ne fonctionnaient pas",
		"timeout":         "restaient sans réponse",
		"refused":         "étaient refusées",
		"reset":           "étaient coupées",
		"unreachable":     "n’aboutissaient pas",
		"status":          "recevaient une erreur",
		"malformed":       "recevaient une réponse incompréhensible",
		"tls-hang":        "restaient bloquées : la négociation TLS n’aboutissait pas",
		"tls-refused":     "échouaient : la négociation TLS était refusée",
		"cert-expired":    "échouaient : le certificat avait expiré",
		"cert-name":       "échouaient : le certificat portait un autre nom",
		"cert-untrusted":  "échouaient : le certificat n’était pas reconnu",
		"cert-invalid":    "échouaient : le certificat était inutilisable",
		"network":         "n’aboutissaient pas depuis l’extérieur",
		"auth-rejected":   "échouaient : le bon mot de passe était rejeté",
		"binding-missing": "échouaient : l’enregistrement était accepté mais pas conservé",
	},
	words: map[string]string{
		"lang": "fr",

		"page.title": "État de %[1]s", "page.operational": "Tous les services fonctionnent", "page.degraded": "Un incident est en cours, les appels trouvent un autre chemin", "page.outage": "Une panne est en cours",
		"service.operational": "en service", "service.degraded": "perturbé", "service.outage": "en panne",
		"page.all": "Services", "page.open": "En ce moment", "page.past": "Les 14 derniers jours", "page.none": "Aucun incident.", "page.updated": "Dernier changement : %[1]s.",
		"page.notice": "%[1]s, depuis le %[2]s", "page.requests": "Certaines connexions %[1]s.", "page.over": "Certaines connexions en %[1]s %[2]s.", "page.reported": "Nous examinons une panne qui nous a été signalée.",
		"page.services": "Concerné : %[1]s.", "page.moved": "Le trafic passe par d’autres sites. Vos téléphones s’enregistrent de nouveau d’eux-mêmes en %[1]d minutes environ ; inutile de les redémarrer.",
		"tells.operational": "Votre service fonctionne.", "tells.degraded": "Un incident est en cours, vos appels trouvent un autre chemin.", "tells.outage": "Votre service est en panne. Nous y travaillons ; ne réinitialisez pas vos téléphones.",
		"tells.moving":  "Vos téléphones s’enregistrent de nouveau d’eux-mêmes en %[1]d minutes environ, d’ici %[2]s ; inutile de les redémarrer.",
		"page.resolved": "Terminé depuis le %[1]s.", "page.next": "Prochaine information au plus tard le %[1]s.",

		"moment": "%[1]s à %[2]s (%[3]s)",
		"title":  "Rapport d’incident %[1]s",
		"made":   "Établi par sipsteer le %[1]s à partir du registre répliqué de la flotte %[2]s.",

		"head.summary": "Résumé", "head.evidence": "Ce que les contrôles ont vu à leur dernier échec", "label.check": "Contrôle", "head.impact": "Impact", "head.measures": "Délais mesurés", "head.timeline": "Chronologie",
		"head.before": "Changements dans l’heure précédente", "head.automatic": "Ce que le programme a fait", "head.manual": "Ce que les personnes ont fait",
		"head.well": "Ce qui a bien marché", "head.badly": "Ce qui a mal marché", "head.followups": "Suites à donner", "head.method": "Méthode d’estimation", "head.cause": "Cause première",

		"label.state": "État", "label.severity": "Gravité", "label.started": "Début", "label.ended": "Fin pour les appelants", "label.sites": "Sites", "label.services": "Services",
		"label.time": "Heure", "label.what": "Événement", "label.who": "Par", "label.step": "Étape", "label.took": "Après", "label.at": "Le",
		"label.phones": "Téléphones, au plus", "label.calls": "Appels simultanés, au plus", "label.minutes": "Minutes", "label.phoneminutes": "Minutes-téléphone, au plus",

		"state.investigating": "en cours d’analyse", "state.identified": "cause identifiée", "state.monitoring": "sous surveillance", "state.resolved": "résolu",
		"severity.minor": "mineure", "severity.major": "majeure", "severity.critical": "critique",
		"who.observed": "contrôles", "who.automatic": "programme", "who.manual": "personnes", "who.before": "avant",
		"step.detect": "détecté", "step.declare": "annoncé aux clients", "step.identify": "cause nommée", "step.move": "trafic dévié", "step.restore": "les appelants ont de nouveau un site", "step.resolve": "tout comme avant",
		"atmost": "%[1]s au plus", "never": "pas encore", "nothing": "Rien.", "none": "aucun", "soFar": "%[1]s à ce jour", "unstatedValue": "non indiqué",

		"sum.where":        "%[1]s en %[2]s",
		"sum.began":        "Le %[1]s, les nouvelles requêtes SIP vers %[2]s %[3]s.",
		"sum.declared":     "Le %[1]s, %[2]s a déclaré un incident : %[3]s.",
		"sum.detected":     "Les contrôles de plusieurs sites l’ont constaté en %[1]s.",
		"sum.movedSelf":    "Le programme a dévié de lui-même le nouveau trafic vers les autres sites, %[1]s après le début.",
		"sum.movedPerson":  "%[2]s a dévié le nouveau trafic vers les autres sites, %[1]s après le début.",
		"sum.notMoved":     "Aucun trafic n’a été dévié : %[1]s.",
		"sum.commonCause":  "déplacer les téléphones ne guérit pas une panne commune à plusieurs sites",
		"sum.noMoveNeeded": "personne ne l’avait décidé",
		"sum.restored":     "Les téléphones qui suivent le DNS avaient de nouveau un site en service %[1]s après le début.",
		"sum.well":         "Les sites fonctionnaient de nouveau %[1]s après le début.",
		"sum.lasting":      "L’incident est en cours.",
		"sum.cause":        "Cause première : %[1]s",
		"sum.noCause":      "La cause première n’est pas encore consignée.",
		"sum.calls":        "Les appels en cours ont gardé leur chemin tant que le commutateur pouvait les traiter.",

		"method.capacity":     "Les nombres de téléphones et d’appels sont des majorants : la capacité que le fichier de la flotte indique pour chaque site en panne qu’un service préfère, quelle que fût sa charge.",
		"method.start":        "Le début n’est pas mesuré mais borné : l’instant de la détection moins la durée maximale des contrôles selon leurs réglages (%[1]s).",
		"method.start-stated": "Le début a été indiqué par une personne.",
		"method.restored":     "Les minutes courent du début jusqu’à ce que toutes les réponses DNS d’avant la déviation aient expiré, ou que plus rien ne soit en panne, selon ce qui arrive en premier. Les téléphones liés à une adresse fixe ne sont pas comptés.",
		"method.unstated":     "Le fichier de la flotte n’indique pas de capacité pour %[1]s : ce site compte ici pour zéro.",
		"method.gates":        "Les portiers comptent les requêtes depuis le démarrage de leur agent ; les nombres peuvent en contenir de plus anciennes.",
		"method.no-exposure":  "Aucun service ne préférait ce qui était en panne : aucun téléphone n’est compté.",
		"gate":                "portier de %[1]s : %[2]s requêtes refusées, %[3]s redirigées, %[4]s relayées",

		"ev.up": "%[1]s fonctionne de nouveau en %[2]s", "ev.unknown": "%[1]s en %[2]s ne peut plus être jugé", "ev.silence.begun": "des travaux à %[1]s ont été annoncés : des pannes y sont attendues", "ev.silence.over": "les travaux à %[1]s sont terminés",
		"ev.stopped": "%[1]s est hors service en %[2]s pour maintenance",
		"ev.down":    "%[1]s est tombé en panne en %[2]s : les requêtes %[3]s",
		"ev.opened":  "incident ouvert", "ev.state": "incident : %[1]s", "ev.severity": "gravité désormais %[1]s", "ev.spread": "%[1]s est touché aussi",
		"ev.declared": "%[1]s conduit l’incident", "ev.cause": "cause première nommée : %[1]s", "ev.note": "note : %[1]s",
		"ev.withdraw": "%[1]s retiré des réponses en %[2]s", "ev.failover": "%[1]s basculé : retiré des réponses en %[2]s",
		"ev.drain": "vidange de %[1]s : %[2]s", "ev.stage": "vidange de %[1]s : %[2]s", "ev.undrain": "fin de la vidange de %[1]s", "ev.expired": "une intention a pris fin à son échéance",
		"stage.announce": "priorité abaissée, toujours en service", "stage.register": "retiré des réponses, nouveaux enregistrements refusés, les appels passent", "stage.refuse": "tout nouveau travail est refusé", "stage.done": "toutes les anciennes réponses ont expiré",
		"ev.failback": "%[1]s reprend %[2]s %% de son trafic", "ev.step-back": "%[1]s recommence à défaillir au retour du trafic : retour arrière",
		"ev.gate.reflex": "la passerelle de %[1]s s’est fermée d’elle-même en %[2]s : son commutateur y est mort", "ev.gate.reflex-over": "la passerelle de %[1]s n’est plus fermée d’elle-même",
		"ev.gate.driver-failed": "le pilote de la passerelle de %[1]s ne fait pas ce qu’il doit", "ev.gate.fell-back": "les pilotes de la passerelle de %[1]s ne font pas tous ce qu’ils doivent", "ev.gate.driver-works": "le pilote de la passerelle de %[1]s fonctionne de nouveau",
		"ev.gate.stragglers": "la passerelle de %[1]s a cessé de refuser ; appareils qui y venaient encore : %[2]s", "ev.gate.push": "appareils qui venaient encore à %[1]s et qu’on a priés de chercher de nouveau leur serveur : %[2]s", "ev.quarantine": "une source a été mise en quarantaine, ou admise de nouveau", "ev.hold": "automatisme suspendu", "ev.release": "automatisme rétabli", "ev.ack": "déviation automatique acquittée", "ev.unblock": "l’automatisme peut de nouveau dévier le trafic",
		"ev.advice": "automatisme retenu par la règle %[1]s à %[2]s", "ev.refused": "une commande a été refusée par la règle %[1]s", "ev.override": "la règle %[1]s a été outrepassée",
		"ev.fleet": "la flotte a été modifiée", "ev.rollback": "une décision antérieure a été rétablie", "ev.restored": "l’état a été restauré à partir d’une copie", "ev.brake.set": "la même panne à plusieurs sites en %[1]s : l’automatisme n’y touche pas", "ev.brake.source": "une même source a saturé plusieurs sites : l’automatisme n’y touche pas", "ev.brake.over": "la panne commune à plusieurs sites en %[1]s a disparu", "ev.other": "%[1]s", "reason": "motif : %[1]s",
		"ev.run": "procédure %[1]s : %[2]s", "ev.notify": "message envoyé : %[1]s",
		"run.verdict": "l’exercice a un verdict", "run.started": "commencée", "run.begun": "une étape commence", "run.asks": "une étape attend une personne", "run.step-done": "une étape est faite", "run.step-skipped": "une étape est omise", "run.step-undone": "une étape est annulée", "run.approved": "une étape est approuvée", "run.skipped": "une étape est omise par une personne", "run.stopped": "arrêtée, une personne doit décider", "run.undoing": "en cours d’annulation", "run.undone": "annulée", "run.done": "terminée", "run.aborted": "abandonnée", "run.paused": "en pause", "run.running": "reprend",
		"omitted": "%[1]s entrées sont omises ici.",

		"well.detect-fast": "L’incident a été détecté en %[1]s.", "well.move-fast": "Le trafic a été dévié en %[1]s.", "well.restore-fast": "Les appelants avaient de nouveau un site en %[1]s.",
		"well.moved-by-itself": "Personne n’a dû être réveillé pour dévier le trafic.",
		"well.common-cause":    "Le programme a vu que la panne était commune à plusieurs sites et n’a pas envoyé les téléphones d’un site malade à un autre.",
		"well.step-back":       "Le retour a été arrêté %[1]s fois dès que le site défaillait sous la charge, avant que tous les téléphones soient revenus.",
		"badly.detect-slow":    "Il a fallu %[1]s pour le détecter.", "badly.move-slow": "Il a fallu %[1]s pour dévier le trafic.", "badly.restore-slow": "Il a fallu %[1]s pour que les appelants aient de nouveau un site.",
		"badly.not-seen-by-checks": "Aucun contrôle ne l’a vu : %[1]s a dû le déclarer.",
		"badly.held-back":          "L’automatisme aurait dévié le trafic et a été retenu par la règle %[1]s.",
		"badly.relapsed":           "L’incident semblait terminé et a repris %[1]s fois.",
		"badly.refused":            "%[1]s commande(s) d’opérateurs ont été refusées pendant l’incident ; la chronologie dit pourquoi.",
		"badly.no-cause":           "La cause première n’a pas été consignée.",
		"next.name-cause":          "Nommer la cause première : sipsteer incident resolve %[1]s --cause \"…\"",
		"next.review-change":       "Examiner le changement fait par %[1]s dans l’heure précédente (%[2]s), et éprouver désormais un tel changement sur un seul site d’abord.",
		"next.separate-fate":       "Trouver ce que les sites en panne partagent, l’inscrire dans leurs fate_groups, et ne le changer que sur un site à la fois.",
		"next.consider-act":        "Envisager automation: act pour les services qui ont attendu une personne.",
		"next.check-certificates":  "Contrôler les certificats avant de s’en servir : dates, noms, chaîne et négociation d’essai, sur un seul site d’abord.",
		"next.canary-login":        "Faire s’enregistrer un abonné d’essai de chaque site à chaque contrôle, et avant et après chaque import.",
		"next.test-under-load":     "Trouver ce qui défaille sous la charge avant le prochain retour, et revenir par plus petits pas.",
		"next.add-check":           "Ajouter un contrôle qui l’aurait vu.",
		"next.state-capacity":      "Indiquer la capacité de %[1]s dans le fichier de la flotte, pour que la prochaine estimation la compte.",
		"next.drill":               "S’exercer à la déviation : un exercice prend 30 minutes.",
	},
}
