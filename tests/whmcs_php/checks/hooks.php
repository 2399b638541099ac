<?php
// What WHMCS does elsewhere: companions come and go with their services, last readings are taken, mails kept back.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Database\Capsule;

$names = static fn (array $calls) => array_column($calls, 0);
$module = static fn (int $id, array $more = []) => ['params' => $more + ['serviceid' => $id, 'serverid' => 12, 'username' => '1042-7731']];

server_row(20);
server_row(12, ['type' => 'puqMinIOS3']);
product(17, 'S3 Storage 100', 'puqMinIOS3', ['configoption2' => 'GB', 'configoption3' => '100']);
product(31, 'Metered usage', 'whmeter');
service(7731, 1042, 17, 12, '1042-7731');
service(7740, 1042, 18, 12, 'has-no-companion');
$GLOBALS['api_answers']['DecryptPassword'] = ['result' => 'error'];
api_of_services(8001);

checks([
    'a new service gets its companion, free of charge, once' => static function () use ($module): void {
        run_hook('AfterModuleCreate', $module(7731));
        [$order, $accept, $update] = asked_of_whmcs();
        same(['AddOrder', [
            'clientid' => 1042, 'paymentmethod' => 'mailin', 'pid' => [31], 'billingcycle' => ['semiannually'],
            'priceoverride' => [0], 'noinvoice' => true, 'noinvoiceemail' => true, 'noemail' => true,
        ]], $order, 'order');
        same(['AcceptOrder', ['orderid' => 55, 'serverid' => 20, 'serviceusername' => 'whm-7731', 'autosetup' => false, 'sendemail' => false]], $accept, 'accepted');
        same(['UpdateClientProduct', [
            'serviceid' => 8001, 'serviceusername' => 'whm-7731', 'serverid' => 20, 'status' => 'Active', 'nextduedate' => '2026-12-03',
        ]], $update, 'fields');
        run_hook('AfterModuleCreate', $module(7731));
        run_hook('AfterModuleCreate', $module(7740));
        run_hook('AfterModuleCreate', $module(8001));
        run_hook('AfterModuleCreate', $module(404));
        same([], asked_of_whmcs(), 'no second one, none for others');
    },
    'its metrics are its parent\'s' => static function (): void {
        putenv('WHMETER_TOKEN=answer-companion-0123456789');
        $provider = whmeter_MetricProvider(entry(['serverid' => 20]));
        $usage = $provider->usage();
        same(['whm-7731'], array_keys($usage), 'tenants');
        same(93.41, $usage['whm-7731'][0]->usage()->value(), 'value');
        same(93.41, $provider->tenantUsage('whm-7731')[0]->usage()->value(), 'alone');
        $page = whmeter_ClientArea(entry(['serverid' => 20]) + ['username' => 'whm-7731', 'serviceid' => 8001]);
        holds(str_contains($page['templateVariables']['whmeterPage'], '93.41 GB'), 'page');
    },
    'it is suspended, restored and terminated with its service' => static function () use ($module, $names): void {
        $status = &Capsule::$tables['tblhosting'][2]['domainstatus'];
        run_hook('AfterModuleUnsuspend', $module(7731));
        same([], asked_of_whmcs(), 'an active one is not restored');
        run_hook('AfterModuleSuspend', $module(7731));
        same([['ModuleSuspend', ['serviceid' => 8001, 'suspendreason' => 'Together with service 7731']]], asked_of_whmcs(), 'suspended');
        $status = 'Suspended';
        run_hook('AfterModuleSuspend', $module(7731));
        run_hook('AfterModuleUnsuspend', $module(7731));
        same(['ModuleUnsuspend'], $names(asked_of_whmcs()), 'restored');
        run_hook('AfterModuleTerminate', $module(7731));
        same([['ModuleTerminate', ['serviceid' => 8001]]], asked_of_whmcs(), 'terminated');
        $status = 'Terminated';
        run_hook('AfterModuleTerminate', $module(7731));
        run_hook('AfterModuleTerminate', $module(7740));
        same([], asked_of_whmcs(), 'not twice');
        $status = 'Active';
    },
    'an add-on that comes and goes moves nothing of the service it is attached to' => static function () use ($module): void {
        $token = Capsule::$tables['tblservers'][0]['accesshash'];
        Capsule::$tables['tblservers'][0]['accesshash'] = 'answer-final-0123456789';
        $points = ['AfterModuleCreate', 'AfterModuleSuspend', 'AfterModuleUnsuspend', 'PreModuleTerminate', 'AfterModuleTerminate'];
        foreach (['Active', 'Suspended'] as $status) {
            Capsule::$tables['tblhosting'][2]['domainstatus'] = $status;
            foreach ($points as $point) {
                same([null], run_hook($point, $module(7731, ['addonId' => 91])), $point);
            }
        }
        same([], asked_of_whmcs(), 'its companion stays as it is');
        $told = file_get_contents('http://127.0.0.1:' . getenv('WHMETER_PORT') . '/recorded');
        same([], json_decode($told, true), 'and no last reading is taken');
        Capsule::$tables['tblhosting'][2]['domainstatus'] = 'Active';
        Capsule::$tables['tblservers'][0]['accesshash'] = $token;
    },
    'an order that WHMCS refuses is logged, and nothing else is done' => static function () use ($names): void {
        $GLOBALS['api_answers']['AddOrder'] = ['result' => 'error', 'message' => 'Invalid Payment Method'];
        service(7750, 1042, 17, 12, 'new');
        run_hook('AfterModuleCreate', ['params' => ['serviceid' => 7750]]);
        same(['AddOrder'], $names(asked_of_whmcs()), 'only tried');
        holds(str_contains(json_encode($GLOBALS['module_log']), 'Invalid Payment Method'), 'says why');
    },
    'a last reading is waited for, and never stops a termination' => static function () use ($module): void {
        putenv('WHMETER_TOKEN=answer-final-0123456789');
        Capsule::$tables['tblservers'][0]['accesshash'] = 'answer-final-0123456789';
        $began = microtime(true);
        same([null], run_hook('PreModuleTerminate', $module(7731)), 'answer');
        $took = microtime(true) - $began;
        holds($took > 0.45 && $took < 4, "waited for until it came: $took");
        $told = json_decode(file_get_contents('http://127.0.0.1:' . getenv('WHMETER_PORT') . '/recorded'), true);
        same(['/v1/whmcs/recalc/1042-7731?server=12'], array_column($told, 'path'), 'recalculated');
        foreach (['answer-500-0123456789', 'answer-html-0123456789'] as $token) {
            Capsule::$tables['tblservers'][0]['accesshash'] = $token;
            same([null], run_hook('PreModuleTerminate', $module(7731)), $token);
        }
        same([null], run_hook('PreModuleTerminate', $module(1, ['serverid' => 44])), 'not metered');
        same([null], run_hook('PreModuleTerminate', []), 'nothing given');
    },
    'services of other modules show their usage, and strangers nothing' => static function (): void {
        Capsule::$tables['tblservers'][0]['accesshash'] = 'answer-companion-0123456789';
        [$html] = run_hook('ClientAreaProductDetailsOutput', ['service' => (object) ['id' => 7731]]);
        holds(str_contains($html, '93.41 GB') && str_contains($html, '100.00 GB') && !str_contains($html, '<button'), $html);
        [$fields] = run_hook('AdminClientServicesTabFields', ['id' => 7731]);
        holds(str_contains($fields['Used space'], '93.41 GB'), json_encode($fields));
        foreach ([['service' => null], [], ['service' => (object) ['id' => 8001]], ['service' => (object) ['id' => 404]]] as $vars) {
            same([''], run_hook('ClientAreaProductDetailsOutput', $vars), 'own pages and strangers');
        }
    },
    'duplicate mails are kept back, whmeter\'s own and others are not' => static function (): void {
        $mail = ['messagename' => 'puqMinIOS3 Notification disk limit', 'relid' => 7731, 'mergefields' => []];
        $_SERVER['SCRIPT_NAME'] = '/crons/cron.php';
        same([['abortsend' => true]], run_hook('EmailPreSend', $mail), 'the module\'s');
        same([['abortsend' => true]], run_hook('EmailPreSend', ['messagename' => 'House template'] + $mail), 'a template of the house');
        $_SERVER['SCRIPT_NAME'] = '/includes/api.php';
        same([[]], run_hook('EmailPreSend', $mail), 'whmeter\'s');
        $_SERVER['SCRIPT_NAME'] = '/crons/cron.php';
        same([[]], run_hook('EmailPreSend', ['messagename' => 'Invoice Created'] + $mail), 'others');
        same([[]], run_hook('EmailPreSend', ['relid' => 9000] + $mail), 'services that are not metered');
        same([[]], run_hook('EmailPreSend', []), 'nothing');
    },
    'overage figures of other modules\' servers, where asked for' => static function (): void {
        run_hook('PreCronJob');
        same([95652, 102400], [Capsule::$tables['tblhosting'][0]['diskusage'], Capsule::$tables['tblhosting'][0]['disklimit']], 'known');
        same([7, 7], [Capsule::$tables['tblhosting'][0]['bwusage'], Capsule::$tables['tblhosting'][0]['bwlimit']], 'unknown stays');
    },
]);
