<?php
// Whatever WHMCS hands over: no entry function throws, prints, or answers in another shape.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Database\Capsule;

$shapes = [
    'whmeter_MetaData' => 'array', 'whmeter_ConfigOptions' => 'array', 'whmeter_UsageUpdate' => 'NULL',
    'whmeter_TestConnection' => 'array', 'whmeter_CreateAccount' => 'string', 'whmeter_SuspendAccount' => 'string',
    'whmeter_UnsuspendAccount' => 'string', 'whmeter_TerminateAccount' => 'string', 'whmeter_ChangePackage' => 'string',
    'whmeter_Renew' => 'string', 'whmeter_ListAccounts' => 'array', 'whmeter_ClientArea' => 'array', 'whmeter_ClientAreaCustomButtonArray' => 'array',
    'whmeter_AdminCustomButtonArray' => 'array', 'whmeter_AdminServicesTabFields' => 'array', 'whmeter_recalc' => 'string',
    'whmeter_MailTemplates' => 'array', 'whmeter_updatepolicy' => 'string', 'whmeter_setstandard' => 'string', 'whmeter_setlimited' => 'string',
];
$given = [
    'nothing' => [],
    'null' => null,
    'empty service' => entry(['serverport' => '1']) + ['username' => '', 'serviceid' => 0, 'pid' => 0],
    'closed port' => entry(['serverport' => '1']) + ['username' => 'x', 'serviceid' => 1, 'pid' => 1, 'clientsdetails' => 'odd'],
    'odd types' => ['serverid' => '12; DROP', 'serverport' => 'x', 'serverhostname' => null, 'username' => 7, 'serviceid' => '9'],
];

$checks = [];
foreach ($given as $what => $params) {
    $checks["every function, given $what"] = static function () use ($shapes, $params): void {
        foreach ($shapes as $function => $shape) {
            same($shape, gettype($function($params)), $function);
        }
        $provider = whmeter_MetricProvider($params);
        same([[], []], [$provider->usage(), $provider->tenantUsage('x')], 'usage');
        check_log();
    };
}

checks($checks + [
    'every function is in the list' => static function () use ($shapes): void {
        $own = array_filter(get_defined_functions()['user'], static fn ($name) => str_starts_with($name, 'whmeter_'));
        $inner = ['whmeter_metricprovider'];
        same([], array_diff($own, array_map('strtolower', array_keys($shapes)), $inner), 'functions not tried');
    },
    'a database that fails is WHMCS\'s trouble alone' => static function () use ($shapes): void {
        $tables = Capsule::$tables;
        Capsule::$tables = [];
        foreach ($shapes as $function => $shape) {
            same($shape, gettype($function(entry(['serverport' => '1']) + ['username' => 'whm-7', 'serviceid' => 1])), $function);
        }
        same([], whmeter_MetricProvider(entry())->usage(), 'usage');
        foreach (array_keys($GLOBALS['hooks']) as $point) {
            foreach (run_hook($point, ['params' => ['serviceid' => 7, 'serverid' => 12, 'username' => 'x'], 'id' => 7]) as $answer) {
                $isTile = $point === 'AdminHomeWidgets' && $answer->generateOutput($answer->getData()) === 'See the module log.';
                holds($isTile || in_array($answer, [null, [], ''], true), "$point answers " . var_export($answer, true));
            }
        }
        Capsule::$tables = $tables;
    },
    'a service without a username is told so' => static function (): void {
        holds(str_contains(whmeter_CreateAccount(entry()), 'username'), 'says what is missing');
    },
    'a proud exception inside keeps its secrets' => static function (): void {
        $GLOBALS['module_log'] = [];
        putenv('WHMETER_TOKEN=secret-in-the-message-1');
        $params = entry(['serveraccesshash' => 'secret-in-the-message-1']);
        WHMCS\Module\Server\Whmeter\Safely::run('x', $params, static function (): void {
            throw new Error('failed with secret-in-the-message-1 at hand');
        }, static fn () => null);
        check_log(1);
        same(['secret-in-the-message-1'], array_values(array_filter($GLOBALS['module_log'][0][5], static fn ($s) => str_starts_with($s, 'secret'))), 'to be masked');
    },
]);
