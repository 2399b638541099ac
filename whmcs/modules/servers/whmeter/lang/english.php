<?php
// The module's texts in English.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Usage',
    'used' => 'Used space',
    'limit' => 'Limit',
    'percent' => 'Used of limit',
    'unlimited' => 'Unlimited',
    'unknown' => 'unknown',
    'last_30_days' => 'last 30 days',
    'monthly_average' => 'average per month',
    'disk' => 'Disk space',
    'disk_gb_month' => 'Disk space (UNIT-months)',
    'traffic_in' => 'Incoming traffic',
    'traffic_out' => 'Outgoing traffic',
    'traffic_total' => 'Total traffic',
    'last_reading' => 'Last reading',
    'recalculate' => 'Recalculate',
    'too_soon' => 'The figures were recalculated less than 10 minutes ago. Please try again later.',
    'unreachable' => 'The figures are not available at the moment.',
    'no_account' => 'The usage of this service is not measured yet.',
    'no_history' => 'There is no history yet.',
    'incomplete' => 'incomplete',
    'this_month' => 'this month',
    'free' => 'Free space',
    'projected' => 'Expected by the end of the month',
    'limit_on' => 'Limit reached at this pace',
    'complete' => 'complete',
    'as_of_last' => 'These are the last known figures. New ones are not available at the moment.',
    'byte' => 'B',
    'last_reported' => 'Reported to WHMCS last',
    'policy' => 'Policy',
    'policy_standard' => 'Standard',
    'policy_limited' => 'Limited',
    'pinned' => 'set by hand',
    'update_policy' => 'Update Policy',
    'set_standard' => 'Set Standard Policy',
    'set_limited' => 'Set Limited Policy',
    'not_allowed' => 'The token of the server entry does not permit this.',
];
