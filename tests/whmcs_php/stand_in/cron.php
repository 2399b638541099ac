<?php
// The system cron: `cron.php` does what is due, `cron.php do --collect` collects usage now (the task's real name is not
// published). The daily run comes with the first call of a day, usage every twelve hours.

declare(strict_types=1);

require __DIR__ . '/boot.php';

use StandIn\Hooks;
use StandIn\Invoices;
use StandIn\Usage;
use WHMCS\Database\Capsule;

const COLLECT_SECONDS = 12 * 3600;

$last = static fn (string $what) => (string) Capsule::table('tblconfiguration')->where('setting', $what)->value('value');
$done = static fn (string $what, $when) => Capsule::table('tblconfiguration')->updateOrInsert(['setting' => $what], ['value' => $when]);

if ($last('StandInDaily') !== date('Y-m-d')) {
    Hooks::run('PreCronJob');
    Invoices::renew();
    Usage::figures();
    $done('StandInDaily', date('Y-m-d'));
    Hooks::run('DailyCronJob');
}
if (in_array('--collect', $argv, true) || time() - (int) $last('StandInCollected') >= COLLECT_SECONDS) {
    Usage::collect();
    $done('StandInCollected', time());
}
Hooks::run('AfterCronJob');
