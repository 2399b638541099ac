<?php
// In WHMCS's admin area: staff read their own language, and nothing that came over the wire is markup.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

define('ADMINAREA', true);

service(7731, 1042, 1, 12, 'x');
$service = entry(['serverport' => '1']) + ['serviceid' => 7731, 'username' => 'x'];

checks([
    'staff who press Recalculate are answered in their language' => static function () use ($service): void {
        [$_SESSION['Language'], $_SESSION['adminlang']] = ['french', 'german'];
        same('Die Werte sind zurzeit nicht verfügbar.', whmeter_recalc($service), 'German');
        same('Die Werte sind zurzeit nicht verfügbar.', whmeter_setlimited($service), 'German');
        unset($_SESSION['Language'], $_SESSION['adminlang']);
    },
    'what an answer says is text' => static function (): void {
        $said = whmeter_TestConnection(entry(['serverhostname' => '<b>']))['error'];
        holds(!str_contains($said, '<'), $said);
    },
    'a second service of a name that is taken is refused' => static function () use ($service): void {
        same('success', whmeter_CreateAccount($service), 'itself');
        foreach (['x', 'X', ' x ', 'x'] as $name) {
            $said = whmeter_CreateAccount(['serviceid' => 9, 'serverid' => 12, 'username' => $name] + $service);
            holds(str_contains($said, 'taken by service 7731'), "$name: $said");
        }
        same('success', whmeter_CreateAccount(['serviceid' => 9, 'serverid' => 13] + $service), 'on another server');
        same('success', whmeter_CreateAccount(['serviceid' => 9, 'username' => 'xx'] + $service), 'another name');
        service(7732, 1043, 1, 12, 'gone', 'Terminated');
        same('success', whmeter_CreateAccount(['serviceid' => 9, 'username' => 'gone'] + $service), 'of one that is over');
    },
]);
