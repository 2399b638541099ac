<?php
// The module's texts in French.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Consommation',
    'used' => 'Espace utilisé',
    'limit' => 'Limite',
    'percent' => 'Part de la limite utilisée',
    'unlimited' => 'Illimité',
    'unknown' => 'inconnu',
    'last_30_days' => '30 derniers jours',
    'monthly_average' => 'moyenne mensuelle',
    'disk' => 'Espace disque',
    'disk_gb_month' => 'Espace disque (UNIT-mois)',
    'traffic_in' => 'Trafic entrant',
    'traffic_out' => 'Trafic sortant',
    'traffic_total' => 'Trafic total',
    'last_reading' => 'Dernier relevé',
    'recalculate' => 'Recalculer',
    'too_soon' => 'Les chiffres ont été recalculés il y a moins de 10 minutes. Veuillez réessayer plus tard.',
    'unreachable' => 'Les chiffres ne sont pas disponibles pour le moment.',
    'no_account' => 'La consommation de ce service n\'est pas encore mesurée.',
    'no_history' => 'Il n\'y a pas encore d\'historique.',
    'incomplete' => 'incomplet',
    'this_month' => 'ce mois-ci',
    'free' => 'Espace libre',
    'projected' => 'Prévu pour la fin du mois',
    'limit_on' => 'Limite atteinte à ce rythme',
    'complete' => 'complet',
    'as_of_last' => 'Ce sont les dernières valeurs connues. De nouvelles ne sont pas disponibles pour le moment.',
    'byte' => 'o',
    'last_reported' => 'Dernière transmission à WHMCS',
    'policy' => 'Politique',
    'policy_standard' => 'Standard',
    'policy_limited' => 'Restreinte',
    'pinned' => 'définie manuellement',
    'update_policy' => 'Mettre à jour la politique',
    'set_standard' => 'Appliquer la politique standard',
    'set_limited' => 'Appliquer la politique restreinte',
    'not_allowed' => 'Le jeton du serveur ne permet pas cette action.',
];
