<?php
// The functions WHMCS calls: each hands over to a class, and lets nothing escape.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

require_once __DIR__ . '/autoload.php';

use WHMCS\Module\Server\Whmeter\Buttons;
use WHMCS\Module\Server\Whmeter\Client;
use WHMCS\Module\Server\Whmeter\Connection;
use WHMCS\Module\Server\Whmeter\MetricsProvider;
use WHMCS\Module\Server\Whmeter\Overage;
use WHMCS\Module\Server\Whmeter\Push;
use WHMCS\Module\Server\Whmeter\Refused;
use WHMCS\Module\Server\Whmeter\Safely;
use WHMCS\Module\Server\Whmeter\ServicePage;
use WHMCS\Module\Server\Whmeter\Texts;

function whmeter_MetaData()
{
    return [
        'DisplayName' => 'whmeter usage metering',
        'APIVersion' => '1.1',
        'RequiresServer' => true,
        'DefaultNonSSLPort' => '9480',
        'DefaultSSLPort' => '9443',
        // Without this WHMCS looks for services by their domain, which metered services often lack.
        'ListAccountsUniqueIdentifierDisplayName' => 'Username',
        'ListAccountsUniqueIdentifierField' => 'username',
    ];
}

/** The order is that of configoption1 and on: see lib/ProductLimits.php. */
function whmeter_ConfigOptions()
{
    $size = static fn (string $what) => [
        'Type' => 'text',
        'Size' => '20',
        'Default' => '',
        'Description' => "$what, such as 100 GiB or 1.5 TB; 0: unlimited; empty: whmeter's own rules",
    ];
    $template = ['Type' => 'text', 'Size' => '40', 'Default' => '', 'Description' => 'Name of a Product/Service template'];
    return [
        'Storage limit' => $size('Storage'),
        'Outgoing traffic limit' => $size('Traffic per month'),
        'Incoming traffic limit' => $size('Traffic per month'),
        'Total traffic limit' => $size('Traffic per month'),
        'Notification template' => $template,
        'Limited template' => $template,
    ];
}

function whmeter_MetricProvider($params)
{
    return new MetricsProvider($params);
}

function whmeter_UsageUpdate($params)
{
    $work = static fn () => Overage::write(new Client($params), (int) ($params['serverid'] ?? 0));
    Safely::run('UsageUpdate', $params, $work, static function (Throwable $error): void {
    });
}

function whmeter_TestConnection($params)
{
    $answer = static fn (string $trouble) => ['success' => $trouble === '', 'error' => $trouble];
    return Safely::run(
        'TestConnection',
        $params,
        static fn () => $answer(Connection::trouble($params)),
        static fn (Throwable $error) => $answer($error instanceof Refused ? $error->getMessage() : 'see the module log')
    );
}

/** whmeter creates and deletes no accounts: this and what follows report the service's state to it. */
function whmeter_CreateAccount($params)
{
    if (trim((string) ($params['username'] ?? '')) === '') {
        return 'The service needs a username: the name of the account whose usage is metered.';
    }
    return Push::registered($params);
}

function whmeter_SuspendAccount($params)
{
    return Push::registered($params);
}

function whmeter_UnsuspendAccount($params)
{
    return Push::registered($params);
}

function whmeter_TerminateAccount($params)
{
    return Push::registered($params);
}

function whmeter_ChangePackage($params)
{
    return Push::registered($params);
}

function whmeter_Renew($params)
{
    return 'success';
}

function whmeter_ClientArea($params)
{
    $page = Safely::run(
        'ClientArea',
        $params,
        static fn () => ServicePage::ofClient($params, (int) ($params['serviceid'] ?? 0)),
        static fn () => ''
    );
    return [
        'tabOverviewModuleOutputTemplate' => 'templates/clientarea.tpl',
        'templateVariables' => ['whmeterPage' => $page],
    ];
}

function whmeter_ClientAreaCustomButtonArray($params = [])
{
    $label = static fn () => Texts::ofClient(is_array($params) ? $params : [])->get('recalculate');
    return [Safely::run('texts', [], $label, static fn () => 'Recalculate') => 'recalc'];
}

function whmeter_AdminCustomButtonArray($params = [])
{
    $buttons = ['update_policy' => 'updatepolicy', 'set_standard' => 'setstandard', 'set_limited' => 'setlimited', 'recalculate' => 'recalc'];
    return Safely::run('texts', [], static function () use ($buttons): array {
        $labels = array_map([Texts::ofAdmin(), 'get'], array_keys($buttons));
        return array_combine($labels, array_values($buttons));
    }, static fn () => $buttons);
}

function whmeter_AdminServicesTabFields($params)
{
    return Safely::run('AdminServicesTabFields', $params, static fn () => ServicePage::ofAdmin($params), static fn () => []);
}

function whmeter_recalc($params)
{
    return Buttons::recalculate($params);
}

function whmeter_updatepolicy($params)
{
    return Buttons::policy($params, ['action' => 'reconcile']);
}

function whmeter_setstandard($params)
{
    return Buttons::policy($params, ['action' => 'pin', 'policy' => 'standard']);
}

function whmeter_setlimited($params)
{
    return Buttons::policy($params, ['action' => 'pin', 'policy' => 'limited']);
}
